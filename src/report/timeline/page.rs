//! A self-contained HTML document: one style sheet, no script, no network access.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::kind::WorkKind;

/// The style sheet of a page and of its charts.
///
/// Colours are custom properties, set for light and for dark screens; a page can override them.
pub const STYLE: &str = include_str!("page.css");

/// A document with this title and this content.
#[must_use]
pub fn document(lang: &str, title: &str, content: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang=(lang) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="generator" content={ "nocturne " (env!("CARGO_PKG_VERSION")) };
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main { (content) }
            }
        }
    }
}

/// A square in a kind's colour, placed before its name.
#[must_use]
pub fn swatch(kind: WorkKind) -> Markup {
    html! { span class={ "swatch " (kind.class()) } {} }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_light_and_dark_colours() {
        for kind in WorkKind::ALL {
            let property = format!("--{}:", kind.class());
            assert_eq!(STYLE.matches(&property).count(), 2, "{property}");
            assert!(STYLE.contains(&format!(".{} {{", kind.class())), "{}", kind.class());
        }
    }

    #[test]
    fn cell_that_breaks_anywhere_has_a_minimum_width() {
        let mut cells = 0;
        // In a cell, browsers assume a minimum width of one letter for text that breaks anywhere.
        for rule in STYLE.split('}').filter(|rule| rule.contains("overflow-wrap: anywhere")) {
            let (selector, properties) = rule.split_once('{').unwrap();
            let selector = selector.rsplit("*/").next().unwrap().trim();
            if selector.split([' ', ',', '.']).any(|word| matches!(word, "td" | "th")) {
                assert!(properties.contains("min-width: 18em"), "{rule}");
                cells += 1;
            }
        }
        assert_eq!(cells, 1, "the test found no cell");
    }

    #[test]
    fn page_needs_no_network() {
        let page = document("en", "a & b", &html! { p { "hello" } }).into_string();
        assert!(page.starts_with("<!DOCTYPE html><html lang=\"en\">"), "{page}");
        assert!(page.contains("<title>a &amp; b</title>"));
        for word in ["http:", "https:", "src=", "@import", "url(", "<script"] {
            assert!(!page.contains(word), "{word}");
        }
    }
}
