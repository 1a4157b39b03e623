//! The ways from untrusted code to what uses it.

use crate::server::untrusted::{PG_CLASS, PG_TYPE, Step, ways};

const FUNCTION: (u32, u32) = (1255, 20_000);

fn step(used: (u32, u32), user: (u32, u32), column: Option<i32>) -> Step {
    let owner = column.is_none().then(|| "analyst".to_owned());
    Step { is_call: false, used, user, column, owner }
}

#[test]
fn each_object_is_reached_once_however_many_ways_lead_to_it() {
    let layer = |n: u32| (0..20).map(move |i| (PG_CLASS, 30_000 + 100 * n + i));
    let mut steps: Vec<_> = layer(0).map(|code| step(code, code, None)).collect();
    for n in 0..20 {
        for used in layer(n) {
            steps.extend(layer(n + 1).map(|user| step(used, user, Some(0))));
        }
    }
    // And back to the beginning.
    steps.push(step((PG_CLASS, 32_000), (PG_CLASS, 30_000), Some(0)));
    let ways = ways(&steps);
    assert_eq!(ways.len(), 21 * 20);
    let last = ways[&(false, (PG_CLASS, 32_019))];
    assert_eq!((last.code, last.user), ((PG_CLASS, 30_000), Some(((PG_CLASS, 30_100), 0))));
}

#[test]
fn what_uses_a_type_made_of_the_code_is_named() {
    let (domain, array, table) = ((PG_TYPE, 40_000), (PG_TYPE, 40_001), (PG_CLASS, 40_002));
    let steps = [
        step(FUNCTION, FUNCTION, None),
        step(FUNCTION, domain, Some(0)),
        step(domain, domain, None),
        step(domain, array, Some(0)),
        step(array, table, Some(3)),
    ];
    let ways = ways(&steps);
    assert_eq!(ways[&(false, array)].user, None);
    assert_eq!(ways[&(false, table)].user, Some((table, 3)));
    assert_eq!(ways[&(false, table)].code, domain);
    assert_eq!(ways[&(false, FUNCTION)].user, None);
}
