//! Passwords: who sets them, whom they let in, and when that ends.

use crate::world::World;
use serde_json::json;
use std::time::Duration;
use tollgate_api::{Ask, Asker, Desk, Origin, SetUp, SignIn, SignInRefused, SignedIn};

const GOOD: &str = "a walrus in the attic";

fn sign_in(
    world: &World,
    desk: &Desk,
    who: (&str, &str),
    password: &str,
    address: &str,
) -> Result<SignedIn, SignInRefused> {
    let origin = Origin { address: Some(address.to_owned()), request_id: "r1".to_owned() };
    let (tenant, member) = (who.0.parse().unwrap(), who.1.parse().unwrap());
    world.wait(desk.sign_in(SignIn { tenant, member, password: password.to_owned().into(), origin }))
}

fn ask(world: &World, desk: &Desk, signed_in: &SignedIn, name: &'static str) -> u16 {
    let ask = Ask::to(name).path("tenant", signed_in.tenant());
    world.wait(desk.ask(&Asker::SignedIn(signed_in.clone()), ask)).map_or_else(|refused| refused.status, |_| 200)
}

#[test]
fn a_password_lets_in_until_it_or_its_member_goes() {
    let (world, _) = World::furnished();
    let desk = world.desk();
    let dev = world.member("acme", "dev", &["developer"]);
    let set = |password: &str| world.ask("PUT", "/me/password", &dev, &json!({ "password": password })).status;
    assert_eq!((set("short"), set(GOOD)), (422, 204));
    let enter = |password: &str| sign_in(&world, &desk, ("acme", "dev"), password, "10.0.0.1");
    assert!(matches!(enter("a walrus in the cellar"), Err(SignInRefused::Unknown)));
    let dev_in = enter(GOOD).unwrap();
    assert_eq!((ask(&world, &desk, &dev_in, "findApis"), ask(&world, &desk, &dev_in, "listApis")), (200, 403));
    // Another password ends what was begun with this one; so do being disabled and being deleted.
    assert_eq!((set("two walruses in the attic"), ask(&world, &desk, &dev_in, "findApis")), (204, 401));
    let again = enter("two walruses in the attic").unwrap();
    let member = "/tenants/acme/members/dev";
    world.ask("PUT", member, &world.owner, &json!({ "roles": ["developer"], "disabled": true })).done();
    assert_eq!(ask(&world, &desk, &again, "findApis"), 401);
    assert!(matches!(enter("two walruses in the attic"), Err(SignInRefused::Unknown)));
    world.ask("DELETE", member, &world.owner, &json!({})).done();
    let _ = world.member("acme", "dev", &["developer"]);
    assert!(matches!(enter("two walruses in the attic"), Err(SignInRefused::Unknown)), "the old one's password");
    let events = world.get("/tenants/acme/audit", &world.owner).done().to_string();
    assert!(events.contains("password.set") && events.contains("member.sign_in"), "{events}");
    assert!(!events.contains("walrus") && !events.contains("argon2"), "{events}");
}

#[test]
fn owners_set_the_password_of_members_but_not_of_operators() {
    let (world, gus) = World::furnished();
    let olga = world.member("acme", "olga", &["owner"]);
    let _ = world.member("acme", "dev", &["developer"]);
    let put = |token: &str, member: &str| {
        world
            .ask("PUT", &format!("/tenants/acme/members/{member}/password"), token, &json!({ "password": GOOD }))
            .status
    };
    assert_eq!((put(&olga, "dev"), put(&olga, "ann"), put(&world.owner, "ann")), (204, 403, 204));
    assert_eq!((put(&gus, "dev"), put(&olga, "nobody")), (404, 404));
    let desk = world.desk();
    sign_in(&world, &desk, ("acme", "dev"), GOOD, "10.0.0.1").unwrap();
    world.ask("DELETE", "/tenants/acme/members/dev/password", &olga, &json!({})).done();
    assert!(sign_in(&world, &desk, ("acme", "dev"), GOOD, "10.0.0.1").is_err());
}

#[test]
fn who_is_unknown_is_told_nothing() {
    let (world, _) = World::furnished();
    let desk = world.desk();
    world.ask("PUT", "/me/password", &world.owner, &json!({ "password": GOOD })).done();
    let _ = world.member("acme", "none", &["developer"]);
    for who in [("acme", "ann"), ("acme", "none"), ("acme", "nobody"), ("nowhere", "ann")] {
        let refused = sign_in(&world, &desk, who, "wrong password, sorry", "10.0.0.1");
        assert!(matches!(refused, Err(SignInRefused::Unknown)), "{who:?}: {refused:?}");
    }
}

#[test]
fn attempts_are_limited_by_account_whoever_it_is() {
    let (world, _) = World::furnished();
    for name in ["ann", "nobody"] {
        let desk = world.desk();
        let refused = (0..20).find_map(|at| {
            match sign_in(&world, &desk, ("acme", name), "wrong password, sorry", &format!("10.0.0.{at}")) {
                Err(SignInRefused::Later(wait)) => Some((at, wait)),
                _ => None,
            }
        });
        let (at, wait) = refused.expect("it ends");
        assert_eq!(at, 10, "{name}");
        assert!(wait > Duration::ZERO && wait <= Duration::from_secs(30), "{wait:?}");
        assert!(sign_in(&world, &desk, ("acme", "other"), "wrong password, sorry", "10.0.0.1").is_err());
    }
}

#[test]
fn the_first_owner_is_made_with_a_password_and_no_token_is_left() {
    let (world, token) = World::empty();
    let desk = world.desk();
    let set_up = |token: &str, password: &str| {
        let origin = Origin::default();
        let (tenant, member, password) = ("acme".parse().unwrap(), "ann".parse().unwrap(), password.to_owned().into());
        let owner = SignIn { tenant, member, password, origin };
        world.wait(desk.set_up(SetUp { token: token.to_owned(), owner }))
    };
    let code = |refused: SignInRefused| match refused {
        SignInRefused::Refused(refused) => refused.code,
        other => panic!("{other:?}"),
    };
    // What is wrong is told before anything is made.
    assert_eq!(code(set_up(&token, "short").unwrap_err()), "invalid_value");
    assert_eq!(code(set_up("tgs_setup_0", GOOD).unwrap_err()), "unauthenticated");
    let ann = set_up(&token, GOOD).unwrap();
    let tokens = Ask::to("listTokens").path("tenant", "acme").path("member", "ann");
    let tokens = world.wait(desk.ask(&Asker::SignedIn(ann), tokens)).unwrap();
    assert_eq!(tokens.body["items"], json!([]));
    assert_eq!(code(set_up(&token, GOOD).unwrap_err()), "unauthenticated");
}
