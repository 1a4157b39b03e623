//! Objects excluded by defaults are reported at the end, with the variable that decides.

use super::scene::Scene;

const TABLES: &str = "TABLE public.answers, TABLE public.knowledge-elements and 1 object over them \
                      not restored (RESTORE_ANSWERS_AND_KES is not set)";
const KEYS: &str = "2 foreign keys not restored (RESTORE_FK_CONSTRAINTS is not set)";

#[tokio::test(flavor = "multi_thread")]
async fn objects_excluded_by_default_are_named_last() {
    let scene = Scene::new("night_by_default").await;
    for (variables, expected) in [
        (&[][..], &[TABLES, KEYS][..]),
        // What was requested is no surprise.
        (&[("RESTORE_ANSWERS_AND_KES", "false"), ("RESTORE_FK_CONSTRAINTS", "false")], &[]),
        (&[("BACKUP_MODE", "{}"), ("RESTORE_FK_CONSTRAINTS", "true")], &[]),
    ] {
        let night =
            variables.iter().fold(scene.night(), |tool, (name, value)| tool.env(name, value));
        let finished = night.succeed();
        let text = finished.stderr();
        let (_, end) = text.split_once("night succeeded").expect("the night succeeded");
        for line in [TABLES, KEYS] {
            assert_eq!(end.contains(line), expected.contains(&line), "{line}: {finished}");
        }
        assert_eq!(scene.record()["not_restored"], serde_json::json!(expected));
        let told = scene.told().await.pop().unwrap();
        assert_eq!(told["not_restored"], serde_json::json!(expected));
        let sentence = told["text"].as_str().unwrap();
        assert!(expected.iter().all(|line| sentence.contains(line)), "{sentence}");
    }
}
