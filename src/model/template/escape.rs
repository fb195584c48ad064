//! How a value is written into its surroundings.

/// What the surroundings are; the template's own text is never touched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Escape {
    /// Plain text: as it is.
    #[default]
    None,
    /// HTML text or a quoted attribute.
    Html,
    /// A part of a URL: all but unreserved characters become `%XX`.
    Url,
    /// The inside of a JSON string; numbers, lists and objects stand as they are.
    Json,
}

impl Escape {
    /// Appends text, escaped.
    pub fn push(self, out: &mut String, text: &str) {
        match self {
            Escape::None => out.push_str(text),
            Escape::Html => push_html(out, text),
            Escape::Url => push_url(out, text),
            Escape::Json => push_json(out, text),
        }
    }

    /// The text, escaped.
    pub fn escaped(self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        self.push(&mut out, text);
        out
    }
}

fn push_html(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
}

fn push_url(out: &mut String, text: &str) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push(char::from(HEX[usize::from(byte >> 4)]));
            out.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
}

fn push_json(out: &mut String, text: &str) {
    let quoted = serde_json::Value::from(text).to_string();
    out.push_str(&quoted[1..quoted.len() - 1]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_in_its_surroundings() {
        let text = "a<b> & \"c\"\n'ü'";
        let rows = [
            (Escape::None, text),
            (Escape::Html, "a&lt;b&gt; &amp; &quot;c&quot;\n&#39;ü&#39;"),
            (Escape::Url, "a%3Cb%3E%20%26%20%22c%22%0A%27%C3%BC%27"),
            (Escape::Json, "a<b> & \\\"c\\\"\\n'ü'"),
        ];
        for (escape, want) in rows {
            assert_eq!(escape.escaped(text), want);
        }
    }
}
