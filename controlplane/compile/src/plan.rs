//! Plans as items of the contract: those of a tenant, and those of targets that need their own.
//!
//! A rule of a plan counts in the gateway by plan and key. Under the tenant's plan, `subscription` is an application and
//! one API, as it should be. A target that is several APIs to the gateway has a plan of its own, in which `application`
//! says the same: all of the target, together. Rules of a product are part of that plan; its other policies cannot be
//! held, since a request does not say through which product it comes, and are notes.

use crate::{
    delta::{Item, Kind},
    layers, names,
    source::Source,
    target::{Expansion, RULES},
};
use serde_json::{Value, json};
use tollgate_domain::{Name, Plan, Target};

/// The item of a tenant's plan.
pub(crate) fn of_tenant(tenant: &Name, plan: &Plan) -> Item {
    let lists = [rules(plan, "throttle"), rules(plan, "quota"), Value::Null];
    item(&names::plan(tenant, &plan.name), lists, format!("plan {}", plan.name))
}

/// The items for the subscriptions to `target`, and what cannot be held.
pub(crate) fn of_target<S: Source>(
    source: &S,
    tenant: &Name,
    target: &Target,
) -> Result<(Vec<Item>, Vec<String>), S::Error> {
    let expansion = Expansion::of(source, tenant, target)?;
    let (mut items, mut notes) = (Vec::new(), Vec::new());
    if expansion.has_plans() {
        for name in source.plans_of(tenant, target)? {
            let plan = source.plan(tenant, &name)?;
            items.extend(plan.map(|plan| derived(tenant, &plan, target, &expansion)));
        }
    }
    for policy in expansion.policies.entries.keys().filter(|policy| !RULES.contains(&policy.as_str())) {
        notes.push(format!("`{policy}` of a product has no effect: say it of its APIs"));
    }
    Ok((items, notes))
}

fn derived(tenant: &Name, plan: &Plan, target: &Target, expansion: &Expansion) -> Item {
    let lists = RULES.map(|list| {
        let mut own = rules(plan, list);
        for rule in own.as_array_mut().into_iter().flatten().filter(|rule| rule["key"] == "subscription") {
            rule["key"] = json!("application");
        }
        let of_product = expansion.policies.entries.get(list).filter(|value| !layers::is_off(value)).cloned();
        match (of_product, own) {
            (Some(of_product), Value::Null) => of_product,
            // What is no list is for the contract to refuse.
            (Some(of_product), own) => layers::join_rules(&[of_product.clone(), own]).unwrap_or(of_product),
            (None, own) => own,
        }
    });
    item(&names::plan_of(tenant, &plan.name, target), lists, format!("plan {} for {target}", plan.name))
}

/// `Null` for none: the contract has no empty lists.
fn rules(plan: &Plan, list: &str) -> Value {
    let rules = match list {
        "throttle" => &plan.throttle,
        "quota" => &plan.quota,
        _ => return Value::Null,
    };
    // Rules are made of values that JSON has.
    if rules.is_empty() { Value::Null } else { serde_json::to_value(rules).unwrap_or_default() }
}

fn item(name: &str, lists: [Value; 3], place: String) -> Item {
    let mut item = json!({ "name": name });
    for (key, list) in RULES.iter().zip(lists).filter(|(_, list)| !list.is_null()) {
        item[*key] = list;
    }
    Item::new(Kind::Plan, &item, place)
}
