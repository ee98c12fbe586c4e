//! Applications, found and changed.

use crate::{
    Step,
    applications::{API, APPLICATIONS, all, application, key, name},
    fixed::Numbers,
    step::InTurn,
};
use std::hint::black_box;
use tollgate_model::key_proof;

/// The subscription of whoever has this proof, among 10,000.
pub(crate) fn find() -> Step {
    let (all, mut numbers) = (all(), Numbers::new());
    let mut proofs = InTurn::<_, 64>::new(|_| key_proof(key(numbers.below(APPLICATIONS)).as_bytes()));
    Step::new(move || {
        let (application, _) = all.find(black_box(proofs.next())).expect("there is such an application");
        assert!(application.subscription(API).is_some());
    })
}

/// A copy of the table in which one of 10,000 applications has subscribed to more.
pub(crate) fn change() -> Step {
    let (all, mut numbers) = (all(), Numbers::new());
    let mut changes = InTurn::<_, 64>::new(|_| {
        let number = numbers.below(APPLICATIONS);
        (name(number), application(number, 2))
    });
    Step::new(move || {
        let (name, changed) = changes.next();
        let mut next = all.clone();
        assert!(next.remove(black_box(name)).is_some());
        next.insert(changed);
        next
    })
}
