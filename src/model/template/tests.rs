//! Templates, row by row.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::model::scope::MapScope;

fn scope() -> MapScope {
    MapScope(json!({
        "contact": {
            "first_name": "ann", "email": "ann@example.com", "tags": ["VIP", "new"],
            "last-name": "o'Neil <b>", "score": 7, "price": 0.1, "text_price": "19.995",
            "signup": "2024-03-31T00:30:00Z", "blank": "", "opted": false, "big": 1234567.5,
        },
        "event": {"type": "order", "data": {"items": [
            {"sku": "x1", "price": 10, "kind": "a"}, {"sku": "x2", "price": 2.5, "kind": "b"},
        ], "note": null}},
        "steps": {"send-email-1": {"result": {"id": "m-1"}}},
        "vars": {"n": 3, "list": [3, 1, 2, 1], "map": {"k": "v"}},
    }))
}

fn now() -> DateTime<Utc> {
    "2024-05-01T22:30:00Z".parse().unwrap()
}

fn render_as(source: &str, escape: Escape) -> String {
    let template =
        Template::compile(source).unwrap_or_else(|problem| panic!("{source}: {problem}"));
    let tz = chrono_tz::Europe::Berlin;
    template
        .render(&scope(), now(), tz, escape)
        .unwrap_or_else(|e| panic!("{source}: {e}"))
}

fn render(source: &str) -> String {
    render_as(source, Escape::None)
}

#[test]
fn paths() {
    let rows = [
        ("plain text { } % } a{#b}", "plain text { } % } a{#b}"),
        ("Hi {{ contact.firstName }}!", "Hi ann!"),
        ("{{contact.first_name}}{{ contact.firstName }}", "annann"),
        ("{{ steps.send-email-1.result.id }}", "m-1"),
        ("{{ contact.last-name }}", "o'Neil <b>"),
        ("{{ contact[\"last-name\"] | upper }}", "O'NEIL <B>"),
        (
            "{{ event.data.items.1.sku }}{{ event.data.items[0].sku }}",
            "x2x1",
        ),
        (
            "[{{ contact.missing }}{{ event.data.note.deeper }}{{ vars.a.b.c | upper }}]",
            "[]",
        ),
        (
            "{{ contact.score }} {{ contact.price }} {{ contact.opted }}",
            "7 0.1 false",
        ),
        (
            "{{ contact.tags }} {{ vars.map }}",
            "[\"VIP\",\"new\"] {\"k\":\"v\"}",
        ),
        ("{{ vars.list[vars.n] }}", "1"),
        ("a\n{{ contact.firstName }}\n", "a\nann\n"),
        ("a {{- contact.firstName -}} b", "aannb"),
    ];
    for (source, want) in rows {
        assert_eq!(render(source), want, "{source}");
    }
}

#[test]
fn filters() {
    let rows = [
        ("{{ contact.missing | default: \"there\" }}", "there"),
        ("{{ contact.blank | default('there') }}", "there"),
        (
            "{{ contact.firstName | default: contact.email | capitalize }}",
            "Ann",
        ),
        (
            "{{ contact.missing | default: contact.email }}",
            "ann@example.com",
        ),
        (
            "{{ 'a b' | upcase }}{{ 'A' | lower }}{{ 'joe o\\'neil' | title }}",
            "A BaJoe O'neil",
        ),
        ("[{{ '  x ' | strip }}][{{ '  x ' | lstrip }}]", "[x][x ]"),
        (
            "{{ 'a-b-c' | replace: '-', '+' }} {{ 'aab' | replace_first: 'a', 'x' }}",
            "a+b+c xab",
        ),
        (
            "{{ 'aab' | remove: 'a' }} {{ 'b' | append: 'c' | prepend: 'a' }}",
            "b abc",
        ),
        (
            "{{ 'abcdefghij' | truncate: 6 }} {{ 'a b c' | truncatewords: 2 }}",
            "abc... a b...",
        ),
        (
            "{{ 'a b&c' | url_encode }} {{ 'a%20b+c' | url_decode }}",
            "a%20b%26c a b c",
        ),
        ("{{ '<b>x</b>' | strip_html }} {{ '<' | escape }}", "x &lt;"),
        (
            "{{ vars.map | json }} {{ 'a\"' | json }}",
            "{\"k\":\"v\"} \"a\\\"\"",
        ),
        // The day in Berlin is the next one already, and clocks changed in March.
        ("{{ 'now' | date: '%Y-%m-%d %H:%M' }}", "2024-05-02 00:30"),
        (
            "{{ 'now' | date: '%Y-%m-%d', 'America/New_York' }}",
            "2024-05-01",
        ),
        (
            "{{ contact.signup | date: '%-d %B %H:%M' }}",
            "31 March 01:30",
        ),
        (
            "{{ 'soon' | date: '%Y' }}|{{ contact.missing | date: '%Y' }}",
            "soon|",
        ),
        // Decimals are exact.
        (
            "{{ contact.price | plus: 0.2 }} {{ 4.35 | times: 100 }} {{ 0.1 * 3 }}",
            "0.3 435 0.3",
        ),
        (
            "{{ contact.text_price | round: 2 }} {{ 2.5 | round }} {{ -2.5 | round }}",
            "20 3 -3",
        ),
        (
            "{{ 7 | divided_by: 2 }} {{ 7 | divided_by: 2.0 }} {{ 7 | modulo: 4 }}",
            "3 3 3",
        ),
        (
            "{{ contact.big | money: '€' }} {{ -1234.5 | money }} {{ 5 | number: 1 }}",
            "€1,234,567.50 -1,234.50 5.0",
        ),
        ("{{ 1234.5 | number: 2, '.', ',' }}", "1.234,50"),
        ("{{ 123456 | number }} {{ 123 | number }}", "123,456 123"),
        (
            "{{ 1.2 | ceil }} {{ -1.2 | floor }} {{ -3 | abs }} {{ 5 | at_most: 3 }} {{ '7x' | int }}",
            "2 -2 3 3 0",
        ),
        ("{{ contact.missing | plus: 1 }}", "1"),
        (
            "{{ 1 + 2 * 3 }} {{ 7 / 2 }} {{ 8 / 2 * 3 }} {{ 2 * (1 + 2) }} {{ 7 // 2 }} {{ 7 % 4 }}",
            "7 3.5 12 6 3 3",
        ),
        (
            "{{ contact.tags | join: ', ' }} {{ contact.tags | size }} {{ 'äb' | length }}",
            "VIP, new 2 2",
        ),
        (
            "{{ contact.tags | first }} {{ contact.tags | last }} {{ 'a,b' | split: ',' | last }}",
            "VIP new b",
        ),
        (
            "{{ vars.list | sort | join: '' }} {{ vars.list | uniq | join: '' }} {{ vars.list | sum }}",
            "1123 312 7",
        ),
        (
            "{% if contact.missing is blank %}a{% endif %}{% if '  ' is blank %}b{% endif %}\
             {% if contact.tags is blank %}c{% endif %}{% if contact.score is blank %}d{% endif %}",
            "ab",
        ),
        ("{{ event.data.items | map: 'sku' | join: '/' }}", "x1/x2"),
        (
            "{{ event.data.items | sum: 'price' }} {{ event.data.items | where: 'kind', 'b' | size }}",
            "12.5 1",
        ),
        (
            "{{ 'abcdef' | slice: 1, 3 }} {{ vars.list | reverse | slice: -1 }}",
            "bcd [3]",
        ),
        (
            "{{ contact.missing | join: ',' }}{{ contact.missing | upcase }}{{ contact.missing | round }}",
            "",
        ),
    ];
    for (source, want) in rows {
        assert_eq!(render(source), want, "{source}");
    }
}

#[test]
fn tags() {
    let rows = [
        (
            "{% if contact.score > 5 %}a{% elsif vars.n %}b{% else %}c{% endif %}",
            "a",
        ),
        (
            "{% if contact.tags contains 'VIP' and contact.email contains '@' %}yes{% endif %}",
            "yes",
        ),
        (
            "{% unless contact.opted %}no{% else %}yes{% endunless %}",
            "no",
        ),
        (
            "{% if contact.missing == nil and contact.blank == blank %}x{% endif %}",
            "x",
        ),
        (
            "{% if contact.email != blank and contact.email is defined %}x{% endif %}",
            "x",
        ),
        (
            "{% assign who = contact.firstName | upcase %}{{ who }}",
            "ANN",
        ),
        (
            "{% for item in event.data.items %}{{ forloop.index }}:{{ item.sku }} {% endfor %}",
            "1:x1 2:x2 ",
        ),
        (
            "{% for t in contact.missing %}x{% else %}none{% endfor %}",
            "none",
        ),
        (
            "{% for i in (1..3) %}{{ i }}{% endfor %}{% for i in range(2) %}{{ i }}{% endfor %}",
            "12301",
        ),
        (
            "{% for i in vars.list reversed %}{{ i }}{% endfor %}",
            "1213",
        ),
        (
            "{% for i in vars.list limit: 2 offset: 1 %}{{ i }}{% endfor %}",
            "12",
        ),
        (
            "{% for i in vars.list %}{% if i == 2 %}{% break %}{% endif %}{{ i }}{% endfor %}",
            "31",
        ),
        (
            "{% for k, v in vars.map | items %}{{ k }}={{ v }}{% endfor %}",
            "k=v",
        ),
        // As in Liquid, what a loop assigns is seen after it.
        (
            "{% assign t = 0 %}{% for i in vars.list %}{% assign t = t | plus: i %}{% endfor %}{{ t }}",
            "7",
        ),
        (
            "{% case contact.score %} ignored {% when 1, 2 %}low{% when 7 %}seven{% else %}?{% endcase %}",
            "seven",
        ),
        (
            "{% case event.type %}{% when 'a' or 'order' %}o{% endcase %}{% case vars.n %}{% endcase %}",
            "o",
        ),
        (
            "{% raw %}{{ contact.email }}{% endraw %}|{% comment %}{{ no }}{% endcomment %}|",
            "{{ contact.email }}||",
        ),
        (
            "{# a note #}{{ vars.n }}<style>a{#b{}</style>",
            "3<style>a{#b{}</style>",
        ),
        (
            "{{ {'a': {'b': 1}} | json }} {{ '}}' }} {{ \"{%\" }}",
            "{\"a\":{\"b\":1}} }} {%",
        ),
        ("{{ 'yes' if contact.score == 7 else 'no' }}", "yes"),
        ("{ {{ vars.n }} }{% if true %}{ {% endif %}", "{ 3 }{ "),
        (
            "{% for t in contact.tags %}{{ t }}{% unless forloop.last %}, {% endunless %}{% endfor %}",
            "VIP, new",
        ),
        (
            "{% if contact.missing %}{% assign x = 1 %}{% endif %}[{{ x }}{{ x.y.z }}]",
            "[]",
        ),
        (
            "{% for a in contact.tags %}{% for b in vars.list %}{{ loop.index }}{% endfor %}{{ loop.index }};{% endfor %}",
            "12341;12342;",
        ),
        (
            "{{ vars.n -1 }} {{ vars.n - vars.n }} {{ vars.list.first }} {{ -vars.n }}",
            "2 0 3 -3",
        ),
        (
            "{% if vars.n >= 3 and not contact.opted or contact.tags contains 'x' %}y{% endif %}",
            "y",
        ),
        (
            "{{ 'now' | date: '%H', contact.zone }}{{ contact.score | append: '%' }}",
            "007%",
        ),
        ("{%- if vars.n -%}  x  {%- endif -%}  y", "xy"),
    ];
    for (source, want) in rows {
        assert_eq!(render(source), want, "{source}");
    }
}

#[test]
fn escapes() {
    let both = |source: &str, escape| render_as(source, escape);
    for tail in ["", "{% if true %}{% endif %}"] {
        let source = format!("<i>{{{{ contact.last-name }}}}</i>{tail}");
        assert_eq!(both(&source, Escape::Html), "<i>o&#39;Neil &lt;b&gt;</i>");
        let source = format!("?q={{{{ contact.email }}}}{tail}");
        assert_eq!(both(&source, Escape::Url), "?q=ann%40example.com");
        let source = format!(
            "{{\"n\": \"{{{{ contact.last-name }}}}\", \"t\": {{{{ contact.tags }}}}}}{tail}"
        );
        assert_eq!(
            both(&source, Escape::Json),
            "{\"n\": \"o'Neil <b>\", \"t\": [\"VIP\",\"new\"]}"
        );
    }
    assert_eq!(
        both("<i>{{ contact.tags }}</i>", Escape::Html),
        "<i>[&quot;VIP&quot;,&quot;new&quot;]</i>"
    );
    assert_eq!(
        both("{{ contact.last-name | safe }}", Escape::Html),
        "o'Neil <b>"
    );
    assert_eq!(
        both("{{ contact.last-name | escape }}", Escape::Html),
        "o&#39;Neil &lt;b&gt;"
    );
    assert_eq!(
        both("{\"a\": {{ contact.email | json }}}", Escape::Json),
        "{\"a\": \"ann@example.com\"}"
    );
}

#[test]
fn values_keep_their_type() {
    let rows = [
        ("{{ contact.score }}", json!(7)),
        ("{{ contact.tags }}", json!(["VIP", "new"])),
        ("{{ contact.opted }}", json!(false)),
        ("{{ contact.missing }}", json!(null)),
        ("{{ contact.score | plus: 0.5 }}", json!(7.5)),
        ("{{ event.data.items | map: 'sku' }}", json!(["x1", "x2"])),
        ("{{ contact.missing | first }}", json!(null)),
        ("{{ contact.score > 3 }}", json!(true)),
        ("{{ true }}", json!(true)),
        ("n={{ contact.score }}", json!("n=7")),
        ("text", json!("text")),
    ];
    for (source, want) in rows {
        let template = Template::compile(source).unwrap();
        let scope = scope();
        let value = template.eval_value(&scope, now(), Tz::UTC).unwrap();
        assert_eq!(*value, want, "{source}");
    }
    let body = json!({"id": "{{ contact.score }}", "list": ["{{ contact.firstName }}", 1], "plain": {"a": true}});
    let (value, scope) = (ValueTemplate::compile(&body).unwrap(), scope());
    let want = json!({"id": 7, "list": ["ann", 1], "plain": {"a": true}});
    assert_eq!(*value.eval(&scope, now(), Tz::UTC).unwrap(), want);
    let problems = ValueTemplate::compile(&json!({"a": [0, "{{ x"]})).unwrap_err();
    assert_eq!(problems[0].path, "a[1]");
}

#[test]
fn reads_are_known_beforehand() {
    let template = Template::compile(
        "{{ contact.firstName }}{% if steps.pay-1.result.ok %}{{ 'now' | date: '%Y' }}{{ secrets.key }}{% endif %}\
         {% for x in event.data.items %}{{ x.contact.email }}{% endfor %}",
    );
    let mut reads = Reads::default();
    template.unwrap().reads(&mut reads);
    let contact: Vec<&str> = reads
        .contact
        .iter()
        .map(|field| field.name.as_str())
        .collect();
    assert_eq!(contact, ["first_name"]);
    assert!(reads.event && reads.clock && reads.secrets.contains("key"));
    assert!(reads.steps.contains("pay-1"));
    let path = Template::compile("{{ contact.email }}").unwrap();
    assert_eq!(path.single_path().map(Path::text), Some("contact.email"));
}

#[test]
fn problems_name_line_and_remedy() {
    let rows = [
        (
            "{{ contcat.email }}",
            "line 1",
            "did you mean \"contact.email\"?",
        ),
        (
            "\n\n{{ email | upper }}",
            "line 3",
            "did you mean \"contact.email\"?",
        ),
        (
            "{{ contact.email | uper }}",
            "line 1",
            "did you mean \"upper\"?",
        ),
        ("{{ contact.email", "line 1", "never closed"),
        ("a\n{% if vars.n %}", "line 2", "never closed"),
        ("{% fi vars.n %}", "line 1", "no tag \"fi\""),
        ("{% ednif %}", "line 1", "did you mean \"endif\"?"),
        ("{% endif %}", "line 1", "closes nothing"),
        (
            "{% for x in vars.list %}\n{% endif %}",
            "line 2",
            "meets {% for %} of line 1",
        ),
        ("{% include 'x' %}", "line 1", "no tag \"include\""),
        ("{{ 'x }}", "line 1", "has no end"),
        ("{{ }}", "line 1", "nothing in it"),
        (
            "{{ (email) | upper }}",
            "line 1",
            "did you mean \"contact.email\"?",
        ),
        (
            "{% assign contact = 1 %}",
            "line 1",
            "has a meaning already",
        ),
        (
            "{{ x }}{% for x in vars.list %}{% endfor %}",
            "line 1",
            "is no root",
        ),
        ("{{ vars.f() }}", "line 1", "the only function is range"),
        ("{% if vars.n = 1 %}{% endif %}", "line 1", "write =="),
        ("{{ vars.n is wrong }}", "line 1", "no test"),
        ("\n{{ vars.n + }}", "line 2", ""),
        ("{% else %}", "line 1", "stands in no if"),
        ("{{ p0 }}{{ g.x }}{{ _clock }}", "line 1", "is no root"),
    ];
    for (source, line, text) in rows {
        let problem = Template::compile(source).unwrap_err().to_string();
        assert!(
            problem.contains(line) && problem.contains(text),
            "{source}: {problem}"
        );
    }
    let failing = Template::compile("a\n\n{{ contact.email | plus: 1 }}").unwrap();
    let error = failing
        .render(&scope(), now(), Tz::UTC, Escape::None)
        .unwrap_err();
    assert_eq!(error.line, 3);
    assert!(!error.to_string().contains("ann@"));
}

#[test]
fn limits_hold() {
    // 64 KiB of source, 1 MiB of output.
    for (length, fits) in [(65_536, true), (65_537, false)] {
        let source = format!("{{{{vars.n}}}}{}", "x".repeat(length - 10));
        assert_eq!(Template::compile(&source).is_ok(), fits, "{length}");
    }
    for (length, fits) in [(1_048_576, true), (1_048_577, false)] {
        let scope = MapScope(json!({ "vars": { "long": "x".repeat(length) } }));
        let template = Template::compile("{{ vars.long }}{{ vars.none }}").unwrap();
        let rendered = template.render(&scope, now(), Tz::UTC, Escape::None);
        assert_eq!(rendered.is_ok(), fits, "{length}");
    }
    let runaway = [
        "{% for a in range(9999) %}{% for b in range(9999) %}{% for c in range(9999) %}{% endfor %}{% endfor %}{% endfor %}",
        "{% for a in range(99999) %}0123456789012345678901234567890123456789{% endfor %}",
        "{% assign x = 'abcdefgh' %}{% for a in range(60) %}{% assign x = x ~ x %}{% endfor %}{{ x }}",
        "{% assign x = 'ab' %}{% for a in range(60) %}{% assign x = x | append: x %}{% endfor %}",
        "{% assign x = vars.list %}{% for a in range(60) %}{% assign x = x + x %}{% endfor %}{{ x | size }}",
        "{{ range(100000000) | join: ',' }}",
        "{{ 'x' * 1000000000 }}",
        "{{ 'now' | date: '%Q' }}",
    ];
    for source in runaway {
        let failed = Template::compile(source).map(|template| {
            template
                .render(&scope(), now(), Tz::UTC, Escape::None)
                .is_err()
        });
        assert!(failed.unwrap_or(true), "{source}");
    }
    // Nested or strung together past any use: refused, and no stack overflows.
    for open in ["(", "[", "{'a':", "not ", "-", "1+(", "1*(", "1 if 1 else "] {
        let source = format!("{{{{ {} 1 }}}}", open.repeat(5_000));
        assert!(Template::compile(&source).is_err(), "{open}");
    }
    for more in [
        "|abs",
        "-1",
        "+1",
        "*1",
        " and 1",
        " or 1",
        "==1",
        "~1",
        "[0]",
        " if 1 else 1",
        ",1",
    ] {
        let source = format!("{{{{ 1{} }}}}", more.repeat(5_000));
        assert!(Template::compile(&source).is_err(), "{more}");
    }
    let source = format!(
        "{{% for x in vars.list %}}{{{{ x{} }}}}{{% endfor %}}",
        ".a".repeat(5_000)
    );
    assert!(Template::compile(&source).is_err());
    // What it grows to counts, not what it would be with both texts in it; a list has 100,000 items.
    let scope =
        MapScope(json!({ "vars": { "long": "ab".repeat(262_144), "most": vec![1; 100_000] } }));
    for (source, wanted) in [
        ("{{ vars.long | replace: 'ab', 'cde' | size }}", "786432"),
        ("{{ vars.most | sum }}", "100000"),
    ] {
        let template = Template::compile(source).unwrap();
        let rendered = template.render(&scope, now(), Tz::UTC, Escape::None);
        assert_eq!(rendered.as_deref(), Ok(wanted));
    }
    for (branches, fits) in [(100, true), (101, false), (4_000, false)] {
        let more = "{% elsif 1 %}".repeat(branches);
        let source = format!("{{% if 1 %}}{more}{{% endif %}}");
        assert_eq!(Template::compile(&source).is_ok(), fits, "{branches}");
    }
    let source = format!(
        "{{% case 1 %}}{}{{% endcase %}}",
        "{% when 1 %}".repeat(4_000)
    );
    assert!(Template::compile(&source).is_err());
    let source = format!("{}{}", "{% if 1 %}".repeat(40), "{% endif %}".repeat(40));
    assert!(Template::compile(&source).is_ok());
}

proptest! {
    #[test]
    fn no_template_panics(
        text in "\\PC{0,60}",
        parts in prop::collection::vec(prop::sample::select(vec![
            "{{", "}}", "{%", "%}", "-", "if", "endif", "for", "x", "in", "vars.n", "contact", ".", "[", "]",
            "(", ")", "|", "upper", "date", ":", "'a'", "\"", "1", "..", "==", "assign", "=", "case", "when",
            "endcase", "raw", "endraw", "{#", "#}", " ", "\n", "ü", "*", "contains", "not", "is", "defined",
            "{% for x in vars.list %}", "{% endfor %}", "{{ x", "slice", "-9", "truncate", "{", "}", ",",
        ]), 0..24),
    ) {
        for source in [text.clone(), format!("{{{{ {text} }}}}"), format!("{{% {text} %}}"), parts.concat(), parts.join(" ")] {
            if let Ok(template) = Template::compile(&source) {
                let _ = template.render(&scope(), now(), Tz::UTC, Escape::Html);
                let scope = scope();
                let _ = template.eval_value(&scope, now(), Tz::UTC);
            }
        }
    }

    #[test]
    fn every_filter_takes_every_value(
        filter in 0usize..FILTERS.len(), value in prop::sample::select(vec![
            json!(null), json!(true), json!(-3), json!(2.5), json!(1e300), json!(""), json!("ü a,b"), json!([]),
            json!([1, "a", null, {"k": 2}]), json!({"k": "v"}), json!("2024-05-01"), json!(i64::MAX), json!(u64::MAX),
        ]),
        argument in prop::sample::select(vec!["", ": 'k'", ": -1", ": 2, 'x'", ": vars.n", ": 1e9", ": 99999999999, 0", ": ''"]),
    ) {
        let scope = MapScope(json!({"vars": {"v": value, "n": [1]}}));
        let source = format!("{{{{ vars.v | {}{argument} }}}}", FILTERS[filter].name);
        if let Ok(template) = Template::compile(&source) {
            let _ = template.render(&scope, now(), Tz::UTC, Escape::None);
        }
    }

    #[test]
    fn text_without_tags_is_itself(text in "[^{]{0,80}") {
        prop_assert_eq!(render(&text), text);
    }
}
