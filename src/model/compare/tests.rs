//! Comparison, row by row.

use serde_json::json;

use super::*;

fn eq(found: Value, wanted: Value) -> Verdict {
    equals(&found, &Operand::new(wanted), Tz::UTC)
}

fn ord(found: Value, wanted: Value) -> Option<Ordering> {
    order(&found, &Operand::new(wanted), Tz::UTC)
}

#[test]
fn equality() {
    use Verdict::{False, Mismatch, True};
    let rows = [
        (json!("gold"), json!("gold"), True),
        (json!("gold"), json!("Gold"), False),
        // Numbers are exact, in whatever spelling.
        (json!(1), json!(1.0), True),
        (json!(0.1), json!("0.1"), True),
        (json!("0.10"), json!(0.1), True),
        (json!(0.30000000000000004), json!("0.3"), False),
        (json!(9007199254740993i64), json!(9007199254740992.0), False),
        (json!("9007199254740993"), json!(9007199254740993i64), True),
        (
            json!(18446744073709551615u64),
            json!("18446744073709551615"),
            True,
        ),
        (json!(1e300), json!("1e300"), True),
        (json!("1e3"), json!(1000), True),
        (json!(-0.0), json!(0), True),
        // Two texts stay texts: a postal code is no number.
        (json!("01234"), json!("1234"), False),
        (json!("01234"), json!(1234), True),
        // The same instant in two spellings.
        (
            json!("2024-05-01T10:00:00Z"),
            json!("2024-05-01T12:00:00+02:00"),
            True,
        ),
        (json!("2024-05-01"), json!("2024-05-01T00:00:00Z"), True),
        (json!("2024-05-01"), json!("2024-05-02"), False),
        // Across types: false, and noted.
        (json!(true), json!("true"), Mismatch),
        (json!(1), json!(true), Mismatch),
        (json!("one"), json!(1), Mismatch),
        (json!(["a"]), json!("a"), Mismatch),
        (json!([1, {"a": 2.0}]), json!([1.0, {"a": 2}]), True),
        (json!([1, 2]), json!([2, 1]), False),
    ];
    for (found, wanted, want) in rows {
        assert_eq!(
            eq(found.clone(), wanted.clone()),
            want,
            "{found} = {wanted}"
        );
    }
}

#[test]
fn ordering() {
    use Ordering::{Equal, Greater, Less};
    let rows = [
        (json!(10), json!(9), Some(Greater)),
        (json!("10"), json!("9"), Some(Greater)),
        (json!("10"), json!(9.5), Some(Greater)),
        (json!(0.1), json!("0.1"), Some(Equal)),
        (json!("19.99"), json!("20"), Some(Less)),
        (
            json!("2024-05-01"),
            json!("2024-04-30T23:59:59Z"),
            Some(Greater),
        ),
        (json!("apple"), json!("banana"), Some(Less)),
        (json!("apple"), json!("7"), None),
        (json!("apple"), json!(7), None),
        (json!("soon"), json!("2024-05-01"), None),
        (json!(20240501), json!("2024-05-01"), None),
        (json!(true), json!(false), None),
        (json!([1]), json!(0), None),
        (json!(1e300), json!(10), Some(Greater)),
        (json!(1e-300), json!("0"), Some(Greater)),
    ];
    for (found, wanted, want) in rows {
        assert_eq!(
            ord(found.clone(), wanted.clone()),
            want,
            "{found} against {wanted}"
        );
    }
}

#[test]
fn texts_that_are_numbers() {
    for text in ["0", "-1", "+1", "1.5", ".5", "1e9", "1E-9", "007"] {
        assert!(Num::parse(text).is_some(), "{text}");
    }
    for text in [
        "", " 1", "1 ", "1.", "1,5", "0x10", "inf", "NaN", "1e", "--1", "1-2", "1e999",
    ] {
        assert!(Num::parse(text).is_none(), "{text}");
    }
    assert!(Num::parse(&"9".repeat(1_000)).is_none());
}

#[test]
fn lists() {
    use Verdict::{False, Mismatch, True};
    let tags = json!(["VIP", "7", 8, null]);
    let rows = [
        (json!("VIP"), True),
        (json!(7), True),
        (json!("8"), True),
        (json!("vip"), False),
        (json!(["none", "VIP"]), True),
        (json!([]), False),
        (json!(true), False),
    ];
    for (wanted, want) in rows {
        assert_eq!(
            includes(&tags, &Operand::new(wanted.clone()), Tz::UTC),
            want,
            "{wanted}"
        );
    }
    assert_eq!(
        includes(&json!("VIP"), &Operand::new(json!("VIP")), Tz::UTC),
        Mismatch
    );
    assert_eq!(
        contains(&json!("a VIP b"), &Operand::new(json!("VIP")), Tz::UTC),
        True
    );
    assert_eq!(
        contains(&json!(17), &Operand::new(json!("1")), Tz::UTC),
        Mismatch
    );
    let list = [Operand::new(json!("a")), Operand::new(json!(2))];
    assert_eq!(is_in(&json!("2"), &list, Tz::UTC), True);
    assert_eq!(is_in(&json!(["x", "a"]), &list, Tz::UTC), True);
    assert_eq!(is_in(&json!(3), &list[..1], Tz::UTC), Mismatch);
    assert_eq!(is_in(&json!(3), &list, Tz::UTC), False);
    assert_eq!(is_in(&json!(3), &list[1..], Tz::UTC), False);
    assert_eq!(is_in(&json!(3), &[], Tz::UTC), False);
}
