//! What an expression of PromQL names.

/// A series that an expression asks for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Selector {
    pub name: String,
    /// With its matchers: an expression of its own.
    pub text: String,
}

/// How the names begin that dashboards and rules may ask for. No function, keyword or label does.
const BEGINNINGS: &[&str] = &["rollcall_", "rollcall:", "process_"];

/// All of them. Prometheus has parsed the expression before; this only has to find them.
pub fn selectors(expression: &str) -> Vec<Selector> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let (mut found, mut rest) = (Vec::new(), expression);
    while let Some(next) = rest.chars().next() {
        let length = if next == '"' || next == '{' {
            closed(rest)
        } else if is_word(next) {
            let name = rest.split(|c| !is_word(c)).next().unwrap_or_default();
            let matchers = if rest[name.len()..].starts_with('{') { closed(&rest[name.len()..]) } else { 0 };
            if name == "up" || BEGINNINGS.iter().any(|beginning| name.starts_with(beginning)) {
                let text = rest[..name.len() + matchers].to_owned();
                found.push(Selector { name: name.to_owned(), text });
            }
            name.len() + matchers
        } else {
            next.len_utf8()
        };
        rest = &rest[length..];
    }
    found
}

/// The length of a text in quotes, or of matchers in braces, which may have such texts.
fn closed(text: &str) -> usize {
    let (mut quoted, mut escaped) = (false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ => {}
        }
        let is_end = if text.starts_with('"') { at > 0 && c == '"' && !quoted } else { c == '}' && !quoted };
        if is_end {
            return at + c.len_utf8();
        }
    }
    panic!("it is not closed: {text}")
}

#[test]
fn selectors_are_found_with_their_matchers() {
    let expression = r#"sum by (job, up_to) (rate(rollcall_a_total{x=~"a}b|process_x"}[5m])) / rollcall:b:ratio_rate1h
        and on (job) up == 0 unless label_replace(process_c, "d", "rollcall_e", "f", "")"#;
    let found: Vec<_> = selectors(expression).into_iter().map(|selector| selector.text).collect();
    assert_eq!(
        found,
        [r#"rollcall_a_total{x=~"a}b|process_x"}"#, "rollcall:b:ratio_rate1h", "up", "process_c"]
    );
}
