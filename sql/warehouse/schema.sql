-- A database shaped like that of a public education service: a few huge append-only
-- tables, many small ones, quoted camelCase names. Rows come from generate.sql, which
-- also adds the keys and indexes (constraints.sql) afterwards, which is faster.
\set ON_ERROR_STOP on
SET client_min_messages = warning;

CREATE TYPE "campaign-participation-status" AS ENUM ('STARTED', 'TO_SHARE', 'SHARED');
CREATE TYPE "organization-type" AS ENUM ('SCO', 'SUP', 'PRO');

CREATE TABLE users (
    id bigserial NOT NULL,
    "firstName" character varying(255) DEFAULT ''::character varying NOT NULL,
    "lastName" character varying(255) DEFAULT ''::character varying NOT NULL,
    email character varying(255),
    username character varying(255),
    lang character(2) DEFAULT 'fr' NOT NULL,
    cgu boolean,
    "isAnonymous" boolean DEFAULT false NOT NULL,
    "lastTermsOfServiceValidatedAt" timestamp with time zone,
    "createdAt" timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    "updatedAt" timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL
);

CREATE TABLE "authentication-methods" (
    id serial NOT NULL,
    "userId" bigint NOT NULL,
    "identityProvider" character varying(255) NOT NULL,
    "authenticationComplement" jsonb,
    "externalIdentifier" character varying(255),
    "createdAt" timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL
);

CREATE TABLE organizations (
    id serial NOT NULL,
    name character varying(255) NOT NULL,
    type "organization-type" NOT NULL,
    "externalId" character varying(255),
    "provinceCode" character varying(255),
    "isManagingStudents" boolean DEFAULT false NOT NULL,
    credit integer DEFAULT 0 NOT NULL,
    "createdAt" timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL
);

CREATE TABLE "organization-learners" (
    id serial NOT NULL,
    "userId" bigint,
    "organizationId" integer NOT NULL,
    "firstName" character varying(255) NOT NULL,
    "lastName" character varying(255) NOT NULL,
    birthdate date,
    division character varying(255),
    "nationalStudentId" character varying(255),
    "isDisabled" boolean DEFAULT false NOT NULL,
    "createdAt" timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL
);

CREATE TABLE campaigns (
    id serial NOT NULL,
    name character varying(255) NOT NULL,
    code character varying(255) NOT NULL,
    "organizationId" integer NOT NULL,
    "creatorId" bigint,
    "customLandingPageText" text,
    "archivedAt" timestamp with time zone,
    "createdAt" timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL
);

CREATE TABLE "campaign-participations" (
    id serial NOT NULL,
    "campaignId" integer NOT NULL,
    "userId" bigint,
    "organizationLearnerId" integer,
    status "campaign-participation-status" DEFAULT 'STARTED' NOT NULL,
    "participantExternalId" character varying(255),
    "masteryRate" numeric(5, 2),
    "sharedAt" timestamp with time zone,
    "createdAt" timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL
);

CREATE TABLE assessments (
    id serial NOT NULL,
    "userId" bigint,
    "courseId" character varying(255),
    "campaignParticipationId" integer,
    "competenceId" character varying(255),
    type character varying(255),
    state character varying(255) NOT NULL,
    "isImproving" boolean DEFAULT false NOT NULL,
    "createdAt" timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    "updatedAt" timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    CONSTRAINT assessments_state_check CHECK (state IN ('started', 'completed', 'aborted'))
);

CREATE TABLE answers (
    id bigserial NOT NULL,
    value text NOT NULL,
    result text NOT NULL,
    "assessmentId" integer,
    "challengeId" character varying(255) NOT NULL,
    timeout integer,
    "resultDetails" text,
    "timeSpent" integer,
    "isFocusedOut" boolean DEFAULT false NOT NULL,
    "createdAt" timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    "updatedAt" timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL
);

CREATE TABLE "knowledge-elements" (
    id bigserial NOT NULL,
    source character varying(255) NOT NULL,
    status character varying(255) NOT NULL,
    "earnedPix" real DEFAULT 0 NOT NULL,
    "answerId" bigint,
    "assessmentId" integer,
    "skillId" character varying(255) NOT NULL,
    "competenceId" character varying(255),
    "userId" bigint,
    "createdAt" timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL
);

CREATE TABLE "knowledge-element-snapshots" (
    id bigserial NOT NULL,
    "userId" bigint NOT NULL,
    "campaignParticipationId" integer,
    "snappedAt" timestamp with time zone NOT NULL,
    snapshot jsonb NOT NULL
);

-- A name that contains another's: filters must not confuse them.
CREATE TABLE "element-answers" (
    id serial NOT NULL,
    "elementId" uuid NOT NULL,
    "userResponseValue" text,
    correction text
);

CREATE TABLE "competence-evaluations" (
    id serial NOT NULL,
    "userId" bigint,
    "assessmentId" integer,
    "competenceId" character varying(255) NOT NULL,
    status character varying(255) DEFAULT 'started' NOT NULL,
    "createdAt" timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL
);

CREATE TABLE feedbacks (
    id serial NOT NULL,
    content text,
    "assessmentId" integer,
    "challengeId" character varying(255),
    "createdAt" timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL
);

CREATE TABLE badges (
    id serial NOT NULL,
    key text NOT NULL,
    title character varying(255),
    message text,
    "isCertifiable" boolean DEFAULT false NOT NULL
);

CREATE TABLE "badge-acquisitions" (
    id serial NOT NULL,
    "userId" bigint,
    "badgeId" integer,
    "campaignParticipationId" integer,
    "createdAt" timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL
);

CREATE TABLE "certification-centers" (
    id serial NOT NULL,
    name character varying(255) NOT NULL,
    type character varying(255),
    "externalId" character varying(255)
);

CREATE TABLE sessions (
    id serial NOT NULL,
    "certificationCenterId" integer,
    address character varying(255),
    examiner character varying(255),
    date date NOT NULL,
    "time" time without time zone NOT NULL,
    description text,
    "createdAt" timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL
);

CREATE TABLE "certification-courses" (
    id serial NOT NULL,
    "userId" bigint,
    "sessionId" integer,
    "firstName" character varying(255),
    "lastName" character varying(255),
    birthdate date,
    "isPublished" boolean DEFAULT false NOT NULL,
    "completedAt" timestamp with time zone,
    "createdAt" timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL
);

COMMENT ON TABLE answers IS 'Réponses des utilisateurs';
COMMENT ON COLUMN answers."timeSpent" IS 'en secondes';
COMMENT ON TABLE "knowledge-elements" IS 'Ce que chaque réponse démontre';
