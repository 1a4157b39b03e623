//! The source: a small database with what has misled replications before.

use crate::common::{Cluster, Database};

/// Tables with keys in all directions, names that contain each other, an enum, functions with the
/// same name, views over views, and an extension owned by a superuser in the target.
pub const SCHEMA: &str = r#"
CREATE EXTENSION pg_trgm;
CREATE TYPE "answer-result" AS ENUM ('ok', 'ko', 'aband');
CREATE DOMAIN email AS text CHECK (VALUE LIKE '%@%');
CREATE TABLE users (
    id serial PRIMARY KEY, email email, "createdAt" timestamptz NOT NULL DEFAULT '2020-10-22'
);
CREATE INDEX users_email_trgm ON users USING gin ((email::text) gin_trgm_ops);
CREATE TABLE assessments (id serial PRIMARY KEY, "userId" int NOT NULL REFERENCES users);
CREATE TABLE answers (
    id bigserial PRIMARY KEY, "assessmentId" int REFERENCES assessments,
    "challengeId" text NOT NULL, result "answer-result", "createdAt" timestamptz DEFAULT '2020-10-22'
);
CREATE INDEX answers_assessment ON answers ("assessmentId");
CREATE TABLE "knowledge-elements" (
    id bigserial PRIMARY KEY, "answerId" bigint REFERENCES answers, "userId" int REFERENCES users,
    "createdAt" timestamptz NOT NULL DEFAULT '2020-10-22'
);
CREATE TABLE "element-answers" (id serial PRIMARY KEY, "answerId" bigint REFERENCES answers, n int);
CREATE INDEX answers_in_elements ON "element-answers" (n);
CREATE TABLE "organization-learners" (id serial PRIMARY KEY, "userId" int REFERENCES users);
CREATE TABLE secrets (id serial PRIMARY KEY, word text UNIQUE);
CREATE VIEW "user-answers" AS
    SELECT u.id, a.result FROM users u JOIN assessments s ON s."userId" = u.id
    JOIN answers a ON a."assessmentId" = s.id;
CREATE VIEW "user-days" AS SELECT "createdAt"::date AS day, count(*) AS users FROM users GROUP BY 1;
CREATE MATERIALIZED VIEW "user-count" AS SELECT sum(users) AS users FROM "user-days";
CREATE FUNCTION score(int) RETURNS int LANGUAGE sql AS 'SELECT $1 + 1';
CREATE FUNCTION score(text, int) RETURNS int LANGUAGE sql AS 'SELECT $2';
CREATE SCHEMA learning;
CREATE TABLE learning.skills (id serial PRIMARY KEY, name text NOT NULL);
COMMENT ON TABLE users IS 'Who answers';
"#;

/// Rows up to a number of answers; existing ones stay.
pub fn grow(source: &Database<'_>, answers: u32) {
    source.execute(&format!(
        r#"
        INSERT INTO users (email) SELECT 'user' || n || '@example.org'
            FROM generate_series(1 + (SELECT count(*) FROM users), {answers} / 4) n;
        INSERT INTO assessments ("userId") SELECT 1 + n % (SELECT max(id) FROM users)
            FROM generate_series(1 + (SELECT count(*) FROM assessments), {answers} / 2) n;
        INSERT INTO answers ("assessmentId", "challengeId", result)
            SELECT 1 + n % (SELECT max(id) FROM assessments), 'rec' || md5(n::text),
                (ARRAY['ok', 'ko', 'aband'])[1 + n % 3]::"answer-result"
            FROM generate_series(1 + (SELECT count(*) FROM answers), {answers}) n;
        INSERT INTO "knowledge-elements" ("answerId", "userId")
            SELECT n, 1 + n % (SELECT max(id) FROM users)
            FROM generate_series(1 + (SELECT count(*) FROM "knowledge-elements"), {answers}) n;
        INSERT INTO "element-answers" ("answerId", n) SELECT n, n
            FROM generate_series(1 + (SELECT count(*) FROM "element-answers"), {answers} / 10) n;
        INSERT INTO "organization-learners" ("userId") SELECT 1 + n % (SELECT max(id) FROM users)
            FROM generate_series(1 + (SELECT count(*) FROM "organization-learners"), {answers} / 8) n;
        INSERT INTO secrets (word) SELECT 'confidential-' || n
            FROM generate_series(1 + (SELECT count(*) FROM secrets), {answers} / 20) n;
        INSERT INTO learning.skills (name) SELECT 'skill ' || n
            FROM generate_series(1 + (SELECT count(*) FROM learning.skills), {answers} / 20) n;
        REFRESH MATERIALIZED VIEW "user-count";
        "#
    ));
}

/// A source with rows.
pub fn source<'a>(cluster: &'a Cluster, name: &str) -> Database<'a> {
    let source = cluster.fresh_db(name);
    source.execute(SCHEMA);
    grow(&source, 4000);
    source
}
