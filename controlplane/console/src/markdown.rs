//! Markdown of descriptions (CommonMark, as OpenAPI has it) as HTML that is safe in a page.
//!
//! Whoever writes a document is not trusted with the page of who reads it: HTML in Markdown is shown as text, links lead to
//! http, https and mailto only and take nothing along, pictures are their text. Headings are as bold lines, so that they do not
//! stand above those of the page.

use pulldown_cmark::{CowStr, Event, Options, Parser, Tag, TagEnd, html};

/// `text` as HTML.
pub(crate) fn html(text: &str) -> String {
    let parser = Parser::new_ext(text, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH);
    let mut out = String::new();
    html::push_html(&mut out, parser.map(safe));
    out
}

fn safe(event: Event<'_>) -> Event<'_> {
    match event {
        Event::Html(text) | Event::InlineHtml(text) => Event::Text(text),
        Event::Start(Tag::HtmlBlock | Tag::Heading { .. }) => Event::Start(Tag::Paragraph),
        Event::End(TagEnd::HtmlBlock | TagEnd::Heading(_)) => Event::End(TagEnd::Paragraph),
        Event::Start(Tag::Link { link_type, dest_url, id, .. }) => {
            let dest_url = if is_web(&dest_url) { dest_url } else { CowStr::Borrowed("") };
            Event::Start(Tag::Link { link_type, dest_url, title: CowStr::Borrowed(""), id })
        }
        Event::Start(Tag::Image { .. }) => Event::Start(Tag::Emphasis),
        Event::End(TagEnd::Image) => Event::End(TagEnd::Emphasis),
        other => other,
    }
}

fn is_web(url: &str) -> bool {
    let url = url.trim().to_ascii_lowercase();
    ["http://", "https://", "mailto:"].iter().any(|scheme| url.starts_with(scheme))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_run_or_fetch_is_text() {
        for (text, wanted) in [
            ("a *b*", "<p>a <em>b</em></p>\n"),
            ("<script>alert(1)</script>", "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>\n"),
            ("a <b onclick=x>c</b>", "<p>a &lt;b onclick=x&gt;c&lt;/b&gt;</p>\n"),
            ("[x](javascript:alert(1))", "<p><a href=\"\">x</a></p>\n"),
            ("[x](https://example.com)", "<p><a href=\"https://example.com\">x</a></p>\n"),
            ("![x](https://example.com/a.png)", "<p><em>x</em></p>\n"),
            ("# Title", "<p>Title</p>\n"),
        ] {
            assert_eq!(html(text), wanted);
        }
        assert!(html("<https://a.b/\"onx=1>").contains("href=\"https://a.b/%22onx=1\""));
    }
}
