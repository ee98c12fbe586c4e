//! The table against the reference: the verdict of every form is what the text of the RFC, read strictly, says of it.

use tollgate_reference::{
    End, Framing, Limits, Message, Response,
    forms::{NEXT, Then, Verdict, request_forms, response_forms},
    requests, responses,
};

const LIMITS: Limits = Limits { head_bytes: 65_535, target_bytes: 65_535, fields: 128 };

#[test]
fn requests_are_read_as_the_table_says() {
    for form in request_forms() {
        let bytes = [&form.bytes, NEXT.as_bytes()].concat();
        let stream = requests(&bytes, &LIMITS);
        let whole = stream.messages.iter().filter(|message| message.is_whole).count();
        let about = format!("{} ({}): {stream:?}", form.bytes.escape_ascii(), form.section);
        match (form.verdict, &stream.end) {
            (Verdict::Refused(_, code), End::Refused(defects)) => {
                assert!(stream.messages.is_empty(), "{about}");
                assert!(defects.iter().any(|defect| defect.of_request() == code), "{about}");
            }
            (Verdict::Cut(_, code), End::Refused(defects)) => {
                assert!(stream.messages.len() == 1 && whole == 0, "{about}");
                assert!(defects.iter().any(|defect| defect.of_request() == code), "{about}");
            }
            (Verdict::Answered(_), End::Closed) => assert_eq!(whole, 2, "{about}"),
            (Verdict::Forwarded(sent), End::Closed) => {
                assert_eq!(whole, if sent.is_last { 1 } else { 2 }, "{about}");
                let first = &stream.messages[0];
                let line = [&first.head.method[..], b" ", &first.head.target].concat();
                assert_eq!(line.iter().map(|&byte| char::from(byte)).collect::<String>(), sent.line, "{about}");
                assert_eq!((first.head.framing, first.span.1), (sent.framing, form.bytes.len()), "{about}");
            }
            _ => panic!("{about}"),
        }
    }
}

#[test]
fn responses_are_read_as_the_table_says() {
    for form in response_forms() {
        let stream = responses(&form.bytes, &[form.method.as_bytes()], &LIMITS);
        let last = |message: &&Message<Response>| message.head.status >= 200;
        let last = stream.messages.iter().find(last);
        let about = format!("{} ({}): {stream:?}", form.bytes.escape_ascii(), form.section);
        match form.then {
            Then::Refused("upgrade_refused") => assert_eq!(stream.messages[0].head.status, 101, "{about}"),
            // Some could go on, if line breaks that are none are read over.
            Then::Refused(_) => {
                assert!(
                    stream.messages.is_empty() && matches!(stream.end, End::Refused(_) | End::Incomplete),
                    "{about}"
                );
            }
            Then::Cut => assert!(last.is_some_and(|message| !message.is_whole) && stream.end != End::Clean, "{about}"),
            Then::Passed(passed) => {
                let message = last.unwrap_or_else(|| panic!("{about}"));
                assert_eq!((message.head.status, message.is_whole), (passed.status, true), "{about}");
                let framing = match message.head.framing {
                    Framing::UntilClose => Framing::Chunked,
                    other => other,
                };
                assert_eq!(framing, passed.framing, "{about}");
                let stays = message.head.keep_alive && message.span.1 == form.bytes.len();
                assert_eq!(stays, passed.is_reused, "{about}");
            }
        }
    }
}
