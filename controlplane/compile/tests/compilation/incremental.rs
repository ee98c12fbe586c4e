//! A change compiles what it touches: no more, and no less than a compilation from the beginning would.

use crate::world::{Records, World, name, node, patched};
use proptest::prelude::*;
use serde_json::json;
use std::collections::BTreeMap;
use tollgate_compile::{Change, Compiled, Delta, Kind, Record, Settings};
use tollgate_domain::{Canary, Lifecycle, Name, Release, RevokedToken, SubscriptionState, Target};

const RECORDS: &str = include_str!("../records/incremental.yaml");
const APIS: [&str; 4] = ["orders@1.0", "orders@1.1", "stock@1", "audit@1"];
const TARGETS: [&str; 5] = ["orders@1.0", "stock@1", "trade", "look", "absent@9"];
const ENVIRONMENTS: [&str; 2] = ["production", "staging"];

/// The items a node has.
type Items = BTreeMap<(Kind, String), String>;

fn apply(items: &mut Items, delta: &Delta) {
    for gone in &delta.remove {
        assert!(items.remove(gone).is_some(), "{gone:?} goes and was never there");
    }
    items.extend(delta.set.clone());
}

fn compiled(world: &World) -> (Compiled, Delta) {
    let mut compiled = Compiled::new(Settings::default());
    let delta = compiled.compile(world, &Change::everything(world).unwrap()).unwrap();
    assert_eq!(delta.failed, []);
    (compiled, delta)
}

/// Does one of many things to the records, by three numbers.
fn step(world: &mut World, (what, which, how): (u8, u8, u8)) -> Change {
    let records = world.of("acme");
    let record = match what {
        0 => {
            let rule = json!([{"name": "all", "key": "node", "limit": u32::from(how) + 1}]);
            let policies = if how < 3 { json!({}) } else { json!({"throttle": rule}) };
            records.tenant.policies = serde_json::from_value(policies).unwrap();
            Record::Tenant
        }
        1 => {
            let environment = name(pick(&ENVIRONMENTS, which));
            records.environments.get_mut(&environment).unwrap().stage = (how % 3 > 0).then(|| format!("s{}", how % 3));
            Record::Environment(environment)
        }
        2 => publish(records, which, how),
        3 => {
            use Lifecycle::{Blocked, Created, Deprecated, Prototyped, Published, Retired};
            let api = pick(&APIS, which).parse().unwrap();
            let lifecycle = [Blocked, Created, Deprecated, Prototyped, Published, Retired][usize::from(how) % 6];
            records.apis.get_mut(&api).unwrap().lifecycle = lifecycle;
            Record::Api(api)
        }
        4 => product(records, which, how),
        5 => plan(records, which, how),
        6 => {
            let application = name(pick(&["shop", "reader"], which));
            records.applications.get_mut(&application).unwrap().blocked = how % 2 == 0;
            for credential in records.credentials.values_mut().filter(|one| one.application == application) {
                credential.revoked_s = (how % 3 == 0).then_some(1);
            }
            Record::Application(application)
        }
        _ => subscription(records, which, how),
    };
    Change::new(name("acme"), record)
}

fn pick<'l>(list: &[&'l str], which: u8) -> &'l str {
    list[usize::from(which) % list.len()]
}

fn publish(records: &mut Records, which: u8, how: u8) -> Record {
    let (api, environment) = (pick(&APIS, which).parse().unwrap(), name(pick(&ENVIRONMENTS, how)));
    let canary = |revision| Some(Canary { revision, percent: 10 + how });
    let release = match how % 5 {
        0 => None,
        1 | 2 => Some(Release::of(u32::from(how % 5))),
        3 => Some(Release { revision: 1, canary: canary(2) }),
        _ => Some(Release { revision: 2, canary: canary(1) }),
    };
    records.publish(&environment, &api, release);
    Record::Publication(environment, api)
}

fn product(records: &mut Records, which: u8, how: u8) -> Record {
    let product = name(pick(&["trade", "look"], which));
    let apis = match how % 5 {
        0 => json!([{"api": "orders@1.0"}, {"api": "stock@1"}]),
        1 => json!([{"api": "orders@1.0", "operations": ["list"]}]),
        2 => {
            json!([{"api": "orders@1.0", "operations": ["list", "one"]}, {"api": "stock@1", "operations": ["list"]}])
        }
        3 => json!([{"api": "stock@1"}]),
        _ => {
            records.products.remove(&product);
            return Record::Product(product);
        }
    };
    let whole = serde_json::from_value(json!({"name": product, "apis": apis})).unwrap();
    records.products.insert(product.clone(), whole);
    Record::Product(product)
}

fn plan(records: &mut Records, which: u8, how: u8) -> Record {
    let plan = name(pick(&["gold", "free"], which));
    let whole = json!({"name": plan, "throttle": [{"name": "all", "limit": u32::from(how) + 1}]});
    match how % 4 {
        0 => drop(records.plans.remove(&plan)),
        _ => drop(records.plans.insert(plan.clone(), serde_json::from_value(whole).unwrap())),
    }
    Record::Plan(plan)
}

fn subscription(records: &mut Records, which: u8, how: u8) -> Record {
    use SubscriptionState::{Approved, Blocked};
    let application = name(pick(&["shop", "reader"], how));
    let target: Target = pick(&TARGETS, which).parse().unwrap();
    match how % 7 {
        0 => drop(records.subscriptions.remove(&(application.clone(), target.clone()))),
        1 => records.subscribe(&application, target.clone(), name("gold"), Blocked),
        2 | 3 => records.subscribe(&application, target.clone(), name("gold"), Approved),
        _ => records.subscribe(&application, target.clone(), name("free"), Approved),
    }
    Record::Subscription(application, target)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Deltas one after the other give what a compilation from the beginning gives, and the contract takes each of them.
    #[test]
    fn deltas_add_up(steps in prop::collection::vec(prop::collection::vec((0..8_u8, 0..20_u8, 0..60_u8), 1..4), 1..12)) {
        let mut world = World::read(RECORDS);
        let (mut index, first) = compiled(&world);
        let (mut items, mut running) = (Items::new(), patched(&node(), &first));
        apply(&mut items, &first);
        for batch in steps {
            let changes: Vec<_> = batch.into_iter().map(|numbers| step(&mut world, numbers)).collect();
            let delta = index.compile(&world, &changes).unwrap();
            prop_assert_eq!(&delta.failed, &[]);
            apply(&mut items, &delta);
            if !delta.is_empty() {
                running = patched(&running, &delta);
            }
            let (fresh, whole) = compiled(&world);
            prop_assert_eq!(index.digest(), fresh.digest());
            prop_assert_eq!(&items, &whole.set, "after {:?}", changes);
            prop_assert_eq!(running.snapshot().digest, patched(&node(), &whole).snapshot().digest);
        }
    }
}

fn names(delta: &Delta) -> Vec<String> {
    let set = delta.set.keys().map(|(_, name)| format!("+{name}"));
    set.chain(delta.remove.iter().map(|(_, name)| format!("-{name}"))).collect()
}

#[test]
fn a_change_touches_its_own() {
    let mut world = World::read(RECORDS);
    let (mut index, _) = compiled(&world);
    let acme = || name("acme");
    let again = Change::everything(&world).unwrap();
    assert_eq!(names(&index.compile(&world, &again).unwrap()), [""; 0], "nothing changed");

    let (production, stock): (Name, _) = (name("production"), "stock@1".parse().unwrap());
    world.of("acme").publish(&production, &stock, Some(Release::of(2)));
    let published = Change::new(acme(), Record::Publication(production.clone(), stock.clone()));
    let preview = index.preview(&world, std::slice::from_ref(&published)).unwrap();
    assert_eq!(names(&preview), ["+acme.production.stock_1"], "the routes are what they were");
    assert_eq!(index.compile(&world, std::slice::from_ref(&published)).unwrap(), preview);
    assert_eq!(names(&index.compile(&world, &[published]).unwrap()), [""; 0]);

    let revoked = world.of("acme").credentials.get_mut("aaaaaaaa").unwrap();
    revoked.revoked_s = Some(1);
    let delta = index.compile(&world, &[Change::new(acme(), Record::Application(name("shop")))]).unwrap();
    assert_eq!(names(&delta), ["-acme.shop"]);
    let digest = index.digest();

    let plan = world.of("acme").plans.get_mut(&name("gold")).unwrap();
    plan.throttle[0].limit = 9;
    let delta = index.compile(&world, &[Change::new(acme(), Record::Plan(name("gold")))]).unwrap();
    assert_eq!(names(&delta), ["+acme.gold", "+acme.gold.trade"], "who has it is not touched");
    assert_ne!(index.digest(), digest);

    // The short form `1` of the path goes to the other version.
    world.of("acme").publish(&production, &"orders@1.1".parse().unwrap(), None);
    let withdrawn = Record::Publication(production, "orders@1.1".parse().unwrap());
    let delta = index.compile(&world, &[Change::new(acme(), withdrawn)]).unwrap();
    let expected = [
        "+acme.production.orders_1.list",
        "+acme.production.orders_1.one",
        "-acme.production.orders_1.1",
        "-acme.production.orders_1.1.list",
        "-acme.production.orders_1.1.one",
    ];
    assert_eq!(names(&delta), expected);
}

#[test]
fn one_node_for_one_environment() {
    let world = World::read(RECORDS);
    let settings = Settings { environments: Some([name("staging")].into()), ..Settings::default() };
    let delta = Compiled::new(settings).compile(&world, &Change::everything(&world).unwrap()).unwrap();
    let routes: Vec<_> = delta.items(Kind::Route).map(|(name, _)| name.to_owned()).collect();
    assert!(!routes.is_empty() && routes.iter().all(|name| name.starts_with("acme.staging.")), "{routes:?}");
    assert_eq!(delta.items(Kind::Application).count(), 2);
}

#[test]
fn a_token_that_is_revoked_is_told_with_its_application_until_it_is_forgotten() {
    let mut world = World::read(include_str!("../records/applications.yaml"));
    let settings = Settings { issuer: Some("https://issuer.example".into()), ..Settings::default() };
    let mut index = Compiled::new(settings);
    let _ = index.compile(&world, &Change::everything(&world).unwrap()).unwrap();
    let shop = [Change::new(name("acme"), Record::Application(name("shop")))];
    let before = index.digest();
    let token = |client: &str| RevokedToken {
        application: name("shop"),
        client: client.to_owned(),
        jti: "third".to_owned(),
        expires_s: 1,
    };
    world.of("acme").revoked.push(token("hhhhhhhh"));
    let delta = index.compile(&world, &shop).unwrap();
    assert_eq!(names(&delta), ["+acme.shop"]);
    let text = &delta.set[&(Kind::Application, "acme.shop".to_owned())];
    assert!(text.contains(r#""revoked":["third"]"#) && text.contains(r#""revoked":["first","second"]"#), "{text}");
    // Those of a client that is gone are nobody's.
    world.of("acme").revoked.push(token("cccccccc"));
    assert_eq!(names(&index.compile(&world, &shop).unwrap()), [""; 0]);
    world.of("acme").revoked.retain(|token| token.jti != "third");
    assert_eq!(names(&index.compile(&world, &shop).unwrap()), ["+acme.shop"]);
    assert_eq!(index.digest(), before);
}
