//! Entries that fail for a transient reason: the next attempt restores them.

use super::scene::Scene;
use crate::common::folder;

#[tokio::test(flavor = "multi_thread")]
async fn entry_lost_to_transient_error_returns_on_retry() {
    let scene = Scene::new("night_passing").await;
    for (number, failure) in [
        "RAISE EXCEPTION 'no space' USING ERRCODE = '53100'",
        "RAISE EXCEPTION 'no memory' USING ERRCODE = '53200'",
        "PERFORM pg_catalog.pg_terminate_backend(pg_catalog.pg_backend_pid())",
    ]
    .into_iter()
    .enumerate()
    {
        // A sequence keeps what a rollback undoes.
        let tries = format!("nocturne.tries_{number}");
        let hook = format!(
            "CREATE SEQUENCE IF NOT EXISTS {tries};
             CREATE OR REPLACE FUNCTION public.fail_once() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN
                 IF nextval('{tries}') = 1 THEN {failure}; END IF;
                 RETURN NULL;
             END $$;
             CREATE OR REPLACE TRIGGER fail_once BEFORE INSERT ON public.users
                 FOR EACH STATEMENT EXECUTE FUNCTION public.fail_once();"
        );
        let hooks = folder(&[("after-pre-data.sql", &hook)]);
        let night = scene.night().env("HOOKS_DIR", hooks.path()).env("MAX_RETRY_COUNT", "1");
        let night = night.env("MIN_TIMEOUT", "1").env("MAX_TIMEOUT", "1").succeed();
        assert_eq!(scene.record()["attempts"], 2, "{failure}: {night}");
        let whole = "SELECT count(*), to_regclass('users_pkey') IS NOT NULL FROM users";
        assert_eq!(scene.warehouse.database.query(whole), "1000|t", "{failure}");
    }
}
