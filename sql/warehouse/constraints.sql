-- Keys, indexes, foreign keys and views of schema.sql, to be created after the rows.
\set ON_ERROR_STOP on
SET client_min_messages = warning;

\echo primary keys
ALTER TABLE users ADD CONSTRAINT users_pkey PRIMARY KEY (id);
ALTER TABLE "authentication-methods" ADD CONSTRAINT "authentication-methods_pkey" PRIMARY KEY (id);
ALTER TABLE organizations ADD CONSTRAINT organizations_pkey PRIMARY KEY (id);
ALTER TABLE "organization-learners" ADD CONSTRAINT "organization-learners_pkey" PRIMARY KEY (id);
ALTER TABLE campaigns ADD CONSTRAINT campaigns_pkey PRIMARY KEY (id);
ALTER TABLE "campaign-participations" ADD CONSTRAINT "campaign-participations_pkey" PRIMARY KEY (id);
ALTER TABLE assessments ADD CONSTRAINT assessments_pkey PRIMARY KEY (id);
ALTER TABLE answers ADD CONSTRAINT answers_pkey PRIMARY KEY (id);
ALTER TABLE "knowledge-elements" ADD CONSTRAINT "knowledge-elements_pkey" PRIMARY KEY (id);
ALTER TABLE "knowledge-element-snapshots" ADD CONSTRAINT "knowledge-element-snapshots_pkey" PRIMARY KEY (id);
ALTER TABLE "element-answers" ADD CONSTRAINT "element-answers_pkey" PRIMARY KEY (id);
ALTER TABLE "competence-evaluations" ADD CONSTRAINT "competence-evaluations_pkey" PRIMARY KEY (id);
ALTER TABLE feedbacks ADD CONSTRAINT feedbacks_pkey PRIMARY KEY (id);
ALTER TABLE badges ADD CONSTRAINT badges_pkey PRIMARY KEY (id);
ALTER TABLE "badge-acquisitions" ADD CONSTRAINT "badge-acquisitions_pkey" PRIMARY KEY (id);
ALTER TABLE "certification-centers" ADD CONSTRAINT "certification-centers_pkey" PRIMARY KEY (id);
ALTER TABLE sessions ADD CONSTRAINT sessions_pkey PRIMARY KEY (id);
ALTER TABLE "certification-courses" ADD CONSTRAINT "certification-courses_pkey" PRIMARY KEY (id);

ALTER TABLE users ADD CONSTRAINT users_email_unique UNIQUE (email);
ALTER TABLE users ADD CONSTRAINT users_username_unique UNIQUE (username);
ALTER TABLE campaigns ADD CONSTRAINT campaigns_code_unique UNIQUE (code);
ALTER TABLE badges ADD CONSTRAINT badges_key_unique UNIQUE (key);
ALTER TABLE "authentication-methods" ADD CONSTRAINT authentication_methods_identityprovider_userid_unique UNIQUE ("identityProvider", "userId");
ALTER TABLE "knowledge-element-snapshots" ADD CONSTRAINT knowledge_element_snapshots_userid_snappedat_unique UNIQUE ("userId", "snappedAt");

\echo indexes
CREATE INDEX "answers_assessmentId_idx" ON answers ("assessmentId");
CREATE INDEX answers_createdat_index ON answers ("createdAt");
CREATE INDEX "knowledge-elements_assessmentId_idx" ON "knowledge-elements" ("assessmentId");
CREATE INDEX "knowledge-elements_userId_idx" ON "knowledge-elements" ("userId");
CREATE INDEX "knowledge-elements_answerId_idx" ON "knowledge-elements" ("answerId");
CREATE INDEX "assessments_userId_idx" ON assessments ("userId");
CREATE INDEX "assessments_campaignParticipationId_idx" ON assessments ("campaignParticipationId");
CREATE INDEX assessments_state_index ON assessments (state) WHERE state <> 'completed';
CREATE INDEX "users_lower_email" ON users (lower(email));
CREATE INDEX "organization-learners_userId_idx" ON "organization-learners" ("userId");
CREATE INDEX "organization-learners_organizationId_idx" ON "organization-learners" ("organizationId");
CREATE INDEX "organization-learners_nationalStudentId_idx" ON "organization-learners" ("nationalStudentId", "organizationId");
CREATE INDEX "campaign-participations_campaignId_idx" ON "campaign-participations" ("campaignId");
CREATE INDEX "campaign-participations_userId_idx" ON "campaign-participations" ("userId") INCLUDE (status);
CREATE INDEX "competence-evaluations_userId_idx" ON "competence-evaluations" ("userId");
CREATE INDEX "feedbacks_assessmentId_idx" ON feedbacks ("assessmentId");
CREATE INDEX "badge-acquisitions_userId_idx" ON "badge-acquisitions" ("userId");
CREATE INDEX "certification-courses_userId_idx" ON "certification-courses" ("userId");
CREATE INDEX "certification-courses_sessionId_idx" ON "certification-courses" ("sessionId");
CREATE INDEX "knowledge-element-snapshots_snapshot_idx" ON "knowledge-element-snapshots" USING gin (snapshot jsonb_path_ops);

\echo foreign keys
ALTER TABLE "authentication-methods" ADD CONSTRAINT authentication_methods_userid_foreign FOREIGN KEY ("userId") REFERENCES users (id);
ALTER TABLE "organization-learners" ADD CONSTRAINT organization_learners_userid_foreign FOREIGN KEY ("userId") REFERENCES users (id);
ALTER TABLE "organization-learners" ADD CONSTRAINT organization_learners_organizationid_foreign FOREIGN KEY ("organizationId") REFERENCES organizations (id);
ALTER TABLE campaigns ADD CONSTRAINT campaigns_organizationid_foreign FOREIGN KEY ("organizationId") REFERENCES organizations (id);
ALTER TABLE "campaign-participations" ADD CONSTRAINT campaign_participations_campaignid_foreign FOREIGN KEY ("campaignId") REFERENCES campaigns (id);
ALTER TABLE "campaign-participations" ADD CONSTRAINT campaign_participations_userid_foreign FOREIGN KEY ("userId") REFERENCES users (id);
ALTER TABLE assessments ADD CONSTRAINT assessments_userid_foreign FOREIGN KEY ("userId") REFERENCES users (id);
ALTER TABLE assessments ADD CONSTRAINT assessments_campaignparticipationid_foreign FOREIGN KEY ("campaignParticipationId") REFERENCES "campaign-participations" (id);
ALTER TABLE answers ADD CONSTRAINT answers_assessmentid_foreign FOREIGN KEY ("assessmentId") REFERENCES assessments (id);
ALTER TABLE "knowledge-elements" ADD CONSTRAINT knowledge_elements_answerid_foreign FOREIGN KEY ("answerId") REFERENCES answers (id);
ALTER TABLE "knowledge-elements" ADD CONSTRAINT knowledge_elements_assessmentid_foreign FOREIGN KEY ("assessmentId") REFERENCES assessments (id);
ALTER TABLE "knowledge-elements" ADD CONSTRAINT knowledge_elements_userid_foreign FOREIGN KEY ("userId") REFERENCES users (id);
ALTER TABLE "knowledge-element-snapshots" ADD CONSTRAINT knowledge_element_snapshots_userid_foreign FOREIGN KEY ("userId") REFERENCES users (id);
ALTER TABLE "competence-evaluations" ADD CONSTRAINT competence_evaluations_assessmentid_foreign FOREIGN KEY ("assessmentId") REFERENCES assessments (id) ON DELETE CASCADE;
ALTER TABLE feedbacks ADD CONSTRAINT feedbacks_assessmentid_foreign FOREIGN KEY ("assessmentId") REFERENCES assessments (id);
ALTER TABLE "badge-acquisitions" ADD CONSTRAINT badge_acquisitions_badgeid_foreign FOREIGN KEY ("badgeId") REFERENCES badges (id);
ALTER TABLE sessions ADD CONSTRAINT sessions_certificationcenterid_foreign FOREIGN KEY ("certificationCenterId") REFERENCES "certification-centers" (id);
ALTER TABLE "certification-courses" ADD CONSTRAINT certification_courses_sessionid_foreign FOREIGN KEY ("sessionId") REFERENCES sessions (id);

\echo views
CREATE VIEW students AS
    SELECT id, "userId", "organizationId", "firstName", "lastName", birthdate, "nationalStudentId"
    FROM "organization-learners"
    WHERE NOT "isDisabled";
CREATE MATERIALIZED VIEW "organization-statistics" AS
    SELECT o.id AS "organizationId", o.name, count(l.id) AS "learnersCount", count(l."userId") AS "reconciledCount"
    FROM organizations AS o LEFT JOIN "organization-learners" AS l ON l."organizationId" = o.id
    GROUP BY o.id, o.name;
CREATE UNIQUE INDEX "organization-statistics_organizationId_idx" ON "organization-statistics" ("organizationId");
