-- Rows for schema.sql, the same in every run. psql variable:
--   scale   1 gives about 8 MB of tables, 100 about 800 MB (default 1; fractions are fine)
\set ON_ERROR_STOP on
\if :{?scale}
\else
    \set scale 1
\endif
SET client_min_messages = warning;
SET TIME ZONE 'UTC';
SET synchronous_commit = off;

SELECT greatest(1, round(38000 * :scale))::integer AS answers,
       greatest(1, round(1900 * :scale))::integer AS assessments,
       greatest(5, round(400 * :scale))::integer AS users,
       greatest(3, round(20 * :scale))::integer AS organizations,
       greatest(5, round(300 * :scale))::integer AS learners,
       greatest(2, round(15 * :scale))::integer AS campaigns,
       greatest(3, round(500 * :scale))::integer AS participations,
       greatest(2, round(5 * :scale))::integer AS centers,
       greatest(3, round(20 * :scale))::integer AS sessions,
       greatest(5, round(100 * :scale))::integer AS certifications,
       greatest(5, round(600 * :scale))::integer AS evaluations,
       greatest(3, round(60 * :scale))::integer AS feedbacks,
       greatest(3, round(150 * :scale))::integer AS acquisitions,
       greatest(3, round(200 * :scale))::integer AS snapshots
\gset

-- A uniform distribution of 32 bits over [0, 1), and a skewed one: a few values are very frequent.
CREATE FUNCTION pg_temp.even(n bigint, salt bigint DEFAULT 0) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS 'SELECT ((n * 2654435761 + salt * 40503) & 4294967295)::double precision / 4294967296';
CREATE FUNCTION pg_temp.pick(n bigint, count integer, salt bigint DEFAULT 0) RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS 'SELECT 1 + floor(pg_temp.even(n, salt) * count)::integer';
CREATE FUNCTION pg_temp.skewed(n bigint, count integer, salt bigint DEFAULT 0) RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS 'SELECT 1 + floor(power(pg_temp.even(n, salt), 2.5) * count)::integer';
-- The moment of row n of count, over about two years.
CREATE FUNCTION pg_temp.moment(n bigint, count integer) RETURNS timestamptz
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ SELECT timestamptz '2018-10-22 05:10:00+00' + n * 63072000 / count * interval '1 second' $$;
CREATE FUNCTION pg_temp.record(kind text, n integer) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ SELECT kind || substr(md5((n / 32)::text), 1, 10) || lpad(n::text, 4, '0') $$;
CREATE FUNCTION pg_temp.first_name(n bigint) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ SELECT (ARRAY['Zoé', 'Noël', 'Chloé', 'Adèle', 'François', 'Inès', 'Léa', 'Hugo', 'Maël', 'Jean-Loup',
                        'D''Arcy', 'Ægir', 'Lucía', 'Øyvind', 'Fatoumata', 'Anaïs', '春子'])[1 + n % 17] $$;
CREATE FUNCTION pg_temp.last_name(n bigint) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ SELECT (ARRAY['Martin', 'Lefèvre', 'O''Connor', 'Nguyễn', 'Garçon', 'Müller', 'Le Goff', 'Šimůnek', 'Traoré',
                        'Dupont-Durand', 'Benoît', 'Ibáñez', '山田'])[1 + n / 17 % 13] || CASE WHEN n > 221 THEN ' ' || n / 221 ELSE '' END $$;

\echo users, organizations
INSERT INTO users ("firstName", "lastName", email, username, lang, cgu, "isAnonymous", "lastTermsOfServiceValidatedAt", "createdAt", "updatedAt")
SELECT pg_temp.first_name(n), pg_temp.last_name(n),
    CASE WHEN n % 4 > 0 THEN 'user' || n || '@example.net' END,
    CASE WHEN n % 3 = 0 THEN 'user' || lpad(n::text, 8, '0') END,
    CASE WHEN n % 20 = 0 THEN 'en' ELSE 'fr' END, n % 5 > 0, n % 50 = 0,
    CASE WHEN n % 5 > 0 THEN pg_temp.moment(n, :users) END,
    pg_temp.moment(n, :users), pg_temp.moment(n, :users) + n % 40 * interval '1 day'
FROM generate_series(1, :users) AS n;

INSERT INTO "authentication-methods" ("userId", "identityProvider", "authenticationComplement", "externalIdentifier", "createdAt")
SELECT n, CASE WHEN n % 6 = 0 THEN 'GAR' ELSE 'PIX' END,
    CASE WHEN n % 6 > 0 THEN jsonb_build_object('password', '$2b$10$' || md5(n::text) || substr(md5('s' || n), 1, 21), 'shouldChangePassword', n % 9 = 0) END,
    CASE WHEN n % 6 = 0 THEN 'saml-' || n END, pg_temp.moment(n, :users)
FROM generate_series(1, :users) AS n;

INSERT INTO organizations (name, type, "externalId", "provinceCode", "isManagingStudents", credit, "createdAt")
SELECT (ARRAY['Collège ', 'Lycée ', 'Université de ', 'Société '])[1 + n % 4] || pg_temp.last_name(n * 3),
    (ARRAY['SCO', 'SCO', 'SUP', 'PRO'])[1 + n % 4]::"organization-type",
    CASE WHEN n % 5 > 0 THEN lpad((n * 37)::text, 7, '0') || chr(65 + n % 26) END, lpad((1 + n % 95)::text, 3, '0'),
    n % 4 < 2, n % 10 * 100, pg_temp.moment(n, :organizations)
FROM generate_series(1, :organizations) AS n;

INSERT INTO "organization-learners" ("userId", "organizationId", "firstName", "lastName", birthdate, division, "nationalStudentId", "isDisabled", "createdAt")
SELECT CASE WHEN n % 7 > 0 THEN 1 + (n - 1) % :users END, pg_temp.skewed(n, :organizations),
    pg_temp.first_name(n), pg_temp.last_name(n), date '2003-01-01' + (pg_temp.even(n) * 3000)::integer,
    (3 + n % 4) || 'e ' || chr(65 + n % 5), lpad(n::text, 10, '0') || chr(65 + n % 26), n % 30 = 0, pg_temp.moment(n, :learners)
FROM generate_series(1, :learners) AS n;

\echo campaigns
INSERT INTO campaigns (name, code, "organizationId", "creatorId", "customLandingPageText", "archivedAt", "createdAt")
SELECT 'Campagne « ' || n || ' »', upper(substr(md5('campaign' || n), 1, 9)) || n, pg_temp.skewed(n, :organizations), pg_temp.pick(n, :users),
    CASE WHEN n % 3 = 0 THEN E'Bienvenue !\n\n- première étape\n- deuxième étape\\dernière' END,
    CASE WHEN n % 8 = 0 THEN pg_temp.moment(n, :campaigns) END, pg_temp.moment(n, :campaigns)
FROM generate_series(1, :campaigns) AS n;

INSERT INTO "campaign-participations" ("campaignId", "userId", "organizationLearnerId", status, "participantExternalId", "masteryRate", "sharedAt", "createdAt")
SELECT pg_temp.skewed(n, :campaigns), pg_temp.pick(n, :users, 7), CASE WHEN n % 3 > 0 THEN pg_temp.pick(n, :learners) END,
    (ARRAY['STARTED', 'TO_SHARE', 'SHARED', 'SHARED'])[1 + n % 4]::"campaign-participation-status",
    CASE WHEN n % 10 = 0 THEN 'n°' || n END, CASE WHEN n % 4 > 1 THEN round((n % 101) / 100.0, 2) END,
    CASE WHEN n % 4 > 1 THEN pg_temp.moment(n, :participations) + interval '3 hours' END, pg_temp.moment(n, :participations)
FROM generate_series(1, :participations) AS n;

\echo assessments
INSERT INTO assessments ("userId", "courseId", "campaignParticipationId", "competenceId", type, state, "isImproving", "createdAt", "updatedAt")
SELECT CASE WHEN n % 60 > 0 THEN pg_temp.skewed(n, :users) END,
    CASE WHEN n % 4 = 0 THEN pg_temp.record('rec', n % 50) ELSE '[NOT USED] Campaign/SmartPlacement CourseId Not Used' END,
    CASE WHEN n % 4 = 1 THEN pg_temp.pick(n, :participations) END,
    CASE WHEN n % 4 > 1 THEN pg_temp.record('rec', n % 16) END,
    (ARRAY['CERTIFICATION', 'CAMPAIGN', 'COMPETENCE_EVALUATION', 'COMPETENCE_EVALUATION'])[1 + n % 4],
    CASE WHEN n % 5 > 0 THEN 'completed' WHEN n % 25 = 0 THEN 'aborted' ELSE 'started' END,
    n % 17 = 0, pg_temp.moment(n, :assessments), pg_temp.moment(n, :assessments) + n % 90 * interval '1 minute'
FROM generate_series(1, :assessments) AS n;

\echo answers
INSERT INTO answers (value, result, "assessmentId", "challengeId", timeout, "resultDetails", "timeSpent", "isFocusedOut", "createdAt", "updatedAt")
SELECT
    CASE n % 8
        WHEN 0 THEN '#ABAND#'
        WHEN 1 THEN (1 + n % 5)::text
        WHEN 2 THEN (1 + n % 4) || ', ' || (2 + n % 5)
        WHEN 3 THEN E'nom: réponse ' || n % 97 || E'\nprénom: \'' || pg_temp.first_name(n) || E'\'\n'
        WHEN 4 THEN 'https://example.org/page?id=' || n % 211 || '&q=caf%C3%A9'
        WHEN 5 THEN 'C:\Documents\fichier' || n % 53 || '.odt'
        WHEN 6 THEN (ARRAY['oui', 'non', 'peut-être', '', 'je ne sais pas'])[1 + n % 5]
        ELSE 'Réponse libre, avec un peu plus de texte ; elle porte le numéro ' || n % 31
    END,
    CASE WHEN n % 8 = 0 THEN 'aband' WHEN n % 3 = 0 THEN 'ko' WHEN n % 41 = 0 THEN 'partially' ELSE 'ok' END,
    least(:assessments, 1 + (n - 1) / 20),
    pg_temp.record('rec', pg_temp.skewed((n - 1) / 20, 680) + (n - 1) % 20),
    CASE WHEN n % 100 = 0 THEN n % 300 - 150 END,
    CASE WHEN n % 8 = 3 THEN E'réponse: true\nprénom: false\n' WHEN n % 2 = 0 THEN E'null\n' END,
    CASE WHEN n > :answers / 3 THEN 5 + n % 120 END,
    n % 211 = 0,
    -- one after another within an assessment
    pg_temp.moment((n - 1) / 20 * 20, :answers) + (n - 1) % 20 * interval '40 seconds',
    pg_temp.moment((n - 1) / 20 * 20, :answers) + (n - 1) % 20 * interval '40 seconds'
FROM generate_series(1, :answers) AS n;

\echo knowledge-elements
INSERT INTO "knowledge-elements" (source, status, "earnedPix", "answerId", "assessmentId", "skillId", "competenceId", "userId", "createdAt")
SELECT CASE WHEN a.id % 3 = 0 THEN 'direct' ELSE 'inferred' END,
    CASE WHEN a.result = 'ok' THEN 'validated' ELSE 'invalidated' END,
    CASE WHEN a.result = 'ok' THEN (a.id % 16) / 2.5 ELSE 0 END,
    a.id, a."assessmentId", pg_temp.record('rec', 1000 + pg_temp.skewed((a.id - 1) / 20, 480) + ((a.id - 1) % 20)::integer), pg_temp.record('rec', (a.id % 16)::integer), s."userId", a."createdAt"
FROM answers AS a JOIN assessments AS s ON s.id = a."assessmentId"
WHERE a.id % 7 < 4
ORDER BY a.id;

INSERT INTO "knowledge-element-snapshots" ("userId", "campaignParticipationId", "snappedAt", snapshot)
SELECT 1 + (n - 1) % :users, 1 + (n - 1) % :participations, pg_temp.moment(n, :snapshots),
    (SELECT jsonb_agg(jsonb_build_object('source', 'direct', 'status', CASE WHEN k % 3 = 0 THEN 'invalidated' ELSE 'validated' END,
        'skillId', pg_temp.record('rec', 1000 + k), 'earnedPix', k / 4.0, 'answerId', 1 + (n + k) % :answers, 'note', E'"é"\n\\') ORDER BY k)
     FROM generate_series(1, 2 + n % 7) AS k)
FROM generate_series(1, :snapshots) AS n;

\echo the others
INSERT INTO "element-answers" ("elementId", "userResponseValue", correction)
SELECT md5(n::text)::uuid, n::text, 'ok' FROM generate_series(1, 10) AS n;

INSERT INTO "competence-evaluations" ("userId", "assessmentId", "competenceId", status, "createdAt")
SELECT pg_temp.pick(n, :users), pg_temp.pick(n, :assessments), pg_temp.record('rec', n % 16), CASE WHEN n % 9 = 0 THEN 'reset' ELSE 'started' END,
    pg_temp.moment(n, :evaluations)
FROM generate_series(1, :evaluations) AS n;

INSERT INTO feedbacks (content, "assessmentId", "challengeId", "createdAt")
SELECT E'Ça ne marche pas : \\"lien\\" cassé\t(n° ' || n || E')\r\nMerci 🙂', pg_temp.pick(n, :assessments), pg_temp.record('rec', pg_temp.skewed(n, 700)), pg_temp.moment(n, :feedbacks)
FROM generate_series(1, :feedbacks) AS n;

INSERT INTO badges (key, title, message, "isCertifiable")
SELECT 'BADGE_' || n, 'Badge n° ' || n, 'Bravo, c''est gagné !', n % 2 = 0 FROM generate_series(1, 12) AS n;

INSERT INTO "badge-acquisitions" ("userId", "badgeId", "campaignParticipationId", "createdAt")
SELECT 1 + n % :users, 1 + n % 12, 1 + n % :participations, pg_temp.moment(n, :acquisitions) FROM generate_series(1, :acquisitions) AS n;

INSERT INTO "certification-centers" (name, type, "externalId")
SELECT 'Centre de ' || pg_temp.last_name(n), (ARRAY['SCO', 'SUP', 'PRO'])[1 + n % 3], 'ext' || n FROM generate_series(1, :centers) AS n;

INSERT INTO sessions ("certificationCenterId", address, examiner, date, "time", description, "createdAt")
SELECT 1 + n % :centers, n || ', rue de l''École', pg_temp.first_name(n) || ' ' || pg_temp.last_name(n), date '2020-01-01' + n % 300, time '08:00' + n % 9 * interval '1 hour',
    CASE WHEN n % 4 = 0 THEN '' END, pg_temp.moment(n, :sessions)
FROM generate_series(1, :sessions) AS n;

INSERT INTO "certification-courses" ("userId", "sessionId", "firstName", "lastName", birthdate, "isPublished", "completedAt", "createdAt")
SELECT pg_temp.pick(n, :users), 1 + n % :sessions, pg_temp.first_name(n), pg_temp.last_name(n), date '1990-01-01' + n % 5000, n % 3 = 0,
    CASE WHEN n % 10 > 0 THEN pg_temp.moment(n, :certifications) + interval '90 minutes' END, pg_temp.moment(n, :certifications)
FROM generate_series(1, :certifications) AS n;

\ir constraints.sql
