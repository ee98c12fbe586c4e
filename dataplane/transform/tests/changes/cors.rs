//! What browsers are told: by origin, with and without credentials, for responses and preflights.

use crate::policies;
use tollgate_http::{HeadLimits, Parsed, RequestIndex};
use tollgate_transform::{Cors, Preflight};

fn cors(text: &str) -> Cors {
    Cors::compile(policies(&format!("cors: {{ {text} }}")).cors.as_deref().unwrap())
}

fn response(cors: &Cors, origin: &str) -> String {
    let lines = cors.response_lines((!origin.is_empty()).then_some(origin.as_bytes()));
    String::from_utf8(lines.into_owned()).unwrap()
}

/// The lines a preflight with these fields is answered with; `None` if it is refused.
fn preflight(cors: &Cors, fields: &str) -> Option<String> {
    let mut bytes = format!("OPTIONS / HTTP/1.1\r\nHost: a\r\n{fields}\r\n").into_bytes();
    let mut index = RequestIndex::new();
    assert!(matches!(index.parse(&mut bytes, &HeadLimits::DEFAULT), Parsed::Complete { .. }));
    let head = index.head(&bytes);
    let lines = cors.preflight_lines(Preflight::of(&head).unwrap(), &head);
    lines.map(|lines| String::from_utf8(lines).unwrap())
}

const VARY: &str = "Vary: Origin\r\n";

#[test]
fn an_origin_is_told_of_itself_only() {
    let cors = cors(
        "origins: ['https://a.test', 'http://b.test:8080', 'https://*.c.test'], \
         origins_regex: ['https://pr-[0-9]+[.]d[.]test'], credentials: true, expose: [X-B, X-A]",
    );
    for origin in ["https://a.test", "http://b.test:8080", "https://x.c.test", "https://pr-17.d.test"] {
        let expected = format!(
            "Access-Control-Allow-Origin: {origin}\r\nAccess-Control-Allow-Credentials: true\r\n\
             Access-Control-Expose-Headers: x-a, x-b\r\n{VARY}"
        );
        assert_eq!(response(&cors, origin), expected);
    }
    let others = ["", "null", "https://A.test", "https://a.test.evil", "http://a.test", "https://c.test", "*"];
    for origin in others.into_iter().chain(["https://pr-17.d.test.evil", "https://pr-.d.test"]) {
        assert_eq!(response(&cors, origin), VARY, "{origin}");
    }
}

/// One answer for all, so that caches may hand it to anybody.
#[test]
fn an_open_policy_says_the_same_to_everybody() {
    let cors = cors("origins: ['*'], expose: ['*']");
    for origin in ["", "null", "https://a.test"] {
        let expected = "Access-Control-Allow-Origin: *\r\nAccess-Control-Expose-Headers: *\r\n";
        assert_eq!(response(&cors, origin), expected, "{origin}");
    }
}

#[test]
fn a_preflight_is_told_what_it_asked_for() {
    let cors = cors("origins: ['*'], headers: [X-A, X-B], methods: [DELETE]");
    let asked = "Origin: null\r\nAccess-Control-Request-Method: DELETE\r\n";
    let told = "Access-Control-Allow-Methods: DELETE\r\n\
                Vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers\r\n";
    assert_eq!(preflight(&cors, asked), Some(format!("Access-Control-Allow-Origin: *\r\n{told}")));
    let names = |names: &str| preflight(&cors, &format!("{asked}Access-Control-Request-Headers: {names}\r\n"));
    let expected = format!("Access-Control-Allow-Origin: *\r\nAccess-Control-Allow-Headers: x-b,X-A\r\n{told}");
    assert_eq!(names("x-b,X-A"), Some(expected));
    assert_eq!(names("x-a, x-c"), None);
    assert!(names("").is_some());
    assert_eq!(preflight(&cors, &asked.replace("DELETE", "delete")), None, "methods have a case");
    assert_eq!(preflight(&cors, &asked.replace("DELETE", "GET")), None);
}

#[test]
fn any_field_may_be_allowed() {
    let cors = cors("origins: ['https://a.test'], headers: ['*'], credentials: true");
    let asked = "Origin: https://a.test\r\nAccess-Control-Request-Method: GET\r\n\
                 Access-Control-Request-Headers: x-whatever\r\n";
    let told = preflight(&cors, asked).unwrap();
    // With credentials a browser would take `*` for a name.
    assert!(told.contains("\r\nAccess-Control-Allow-Headers: x-whatever\r\n"), "{told}");
}
