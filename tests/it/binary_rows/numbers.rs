//! Numbers.

use proptest::prelude::*;

use super::loader::{on_each_version, samples, texts};

#[test]
fn booleans_and_integers() {
    on_each_version(|loader| {
        loader.agree("boolean", &texts(&["[tf]", "[a-z01 ]{0,5}"], &["\\N", "t", "f", ""]));
        for kind in ["smallint", "integer", "bigint", "oid"] {
            let patterns =
                ["-?[0-9]{1,5}", "-?[0-9]{1,10}", "-?[0-9]{9,20}", "[-+ ]?0?[0-9a-fx_]{1,4} ?"];
            let edges = [
                "\\N",
                "0",
                "-0",
                "007",
                "-1",
                "32767",
                "32768",
                "-32768",
                "-32769",
                "2147483647",
                "2147483648",
                "-2147483648",
                "-2147483649",
                "4294967295",
                "4294967296",
                "9223372036854775807",
                "9223372036854775808",
                "-9223372036854775808",
                "-9223372036854775809",
                "18446744073709551615",
                "",
                "-",
                "0x1f",
                "1_000",
                "１",
            ];
            loader.agree(kind, &texts(&patterns, &edges));
        }
    });
}

#[test]
fn floating_point_numbers() {
    on_each_version(|loader| {
        let edges = [
            "\\N",
            "NaN",
            "Infinity",
            "-Infinity",
            "0",
            "-0",
            "-0.0",
            "0e400",
            "1e308",
            "1.7976931348623157e308",
            "1.7976931348623159e308",
            "2e308",
            "5e-324",
            "2e-324",
            "2.2250738585072014e-308",
            "2.225073858507201e-308",
            "4.9406564584124654e-324",
            "1e-400",
            "3.4028235e38",
            "3.4028236e38",
            "1e-45",
            "7e-46",
            "1.1754944e-38",
            "1.1754942e-38",
            "9007199254740993",
            "0.1",
            "1e23",
            "8.5e-46",
            "nan",
            "inf",
            "-NaN",
            "1e",
            ".5",
            "5.",
            "1.00000005960464480",
            "1.0000000596046447",
            "340282356779733661637539395458142568448",
        ];
        let patterns = ["-?[0-9]{1,25}(\\.[0-9]{0,25})?", "-?[0-9]\\.[0-9]{0,20}e[-+]?[0-9]{1,3}"];
        let mut all = texts(&patterns, &edges);
        all.extend(samples(any::<u64>().prop_map(|bits| format!("{:e}", f64::from_bits(bits)))));
        all.extend(samples(any::<u32>().prop_map(|bits| format!("{:e}", f32::from_bits(bits)))));
        all.extend(samples((0u64..1 << 52).prop_map(|bits| format!("{:e}", f64::from_bits(bits)))));
        loader.agree("double precision", &all);
        loader.agree("real", &all);
        let query =
            "SELECT (random() - 0.5) * 10 ^ (random() * 600 - 300) FROM generate_series(1, 2000)";
        loader.agree_on_query("double precision", query);
        let query = "SELECT ((random() - 0.5) * 10 ^ (random() * 70 - 35))::real FROM generate_series(1, 2000)";
        loader.agree_on_query("real", query);
    });
}

#[test]
fn numerics() {
    on_each_version(|loader| {
        let long = "123456789".repeat(112);
        let least = format!("-0.{}7", "0".repeat(16_382));
        let most = format!("9{}", "0".repeat(131_071));
        let both = format!("{most}.{}1", "0".repeat(16_382));
        let edges = [
            "\\N",
            "NaN",
            "Infinity",
            "-Infinity",
            "nan",
            "inf",
            "0",
            "-0",
            "0.000",
            "-0.0000000",
            "10000",
            "9999",
            "99999999",
            "0.0001",
            "0.00010000",
            "0.9999",
            "1e5",
            "1.",
            ".5",
            "+1",
            "00000.10",
            "1000000000000000000000000000000.00001",
            &long,
            &least,
            &most,
            &both,
            &format!("{long}.{long}"),
            &format!("-0.{long}"),
            &format!("{most}0"),
            &format!("{least}1"),
        ];
        let patterns = [
            "-?0{0,6}[0-9]{1,30}(\\.[0-9]{0,30})?",
            "-?[0-9]{1,10}0{0,12}(\\.0{0,12}[0-9]{1,9}0{0,6})?",
            "0\\.0{0,20}[0-9]{1,4}",
        ];
        loader.agree("numeric", &texts(&patterns, &edges));
        loader.agree("numeric(20,3)", &texts(&["-?[0-9]{1,16}(\\.[0-9]{1,12})?"], &["NaN"]));
        loader.agree("numeric(6)", &texts(&["-?[0-9]{1,5}(\\.[0-9]{1,5})?"], &["0.5", "-0.5"]));
        loader.agree("numeric(5,-2)", &texts(&["-?[0-9]{1,6}(\\.[0-9]{1,3})?"], &["49", "50"]));
        loader.agree("numeric(3,5)", &texts(&["-?0\\.00[0-8][0-9]{0,8}"], &["0.000005"]));
        let query = "SELECT trunc((random() * 10 ^ (random() * 40 - 20))::numeric, (random() * 30)::int) \
                     FROM generate_series(1, 2000)";
        loader.agree_on_query("numeric", query);
    });
}
