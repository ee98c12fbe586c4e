//! The routes of one host whose path is a regular expression. Expressions stand as in the file, those that are written
//! alike together; each that stands before the right one costs a request its run.

use std::sync::Arc;
use tollgate_model::Expression;

use crate::leaf::{Leaf, Leaves};

/// Expressions in their order of precedence.
#[derive(Clone)]
pub(crate) struct Expressions<T>(Option<Arc<Groups<T>>>);

/// Routes by expression.
type Groups<T> = Vec<(Expression, Leaves<T>)>;

impl<T: Clone> Expressions<T> {
    pub(crate) fn insert(&mut self, expression: &Expression, leaf: Leaf<T>) {
        let all = Arc::make_mut(self.0.get_or_insert_default());
        match all.iter_mut().find(|(other, _)| other.text() == expression.text()) {
            Some((_, leaves)) => leaves.insert(leaf),
            None => {
                let mut leaves = Leaves::default();
                leaves.insert(leaf);
                all.push((expression.clone(), leaves));
            }
        }
        all.sort_by_key(|(_, leaves)| leaves.first());
    }

    pub(crate) fn remove(&mut self, expression: &Expression, order: u64) {
        let Some(all) = &mut self.0 else { return };
        let all = Arc::make_mut(all);
        for (other, leaves) in &mut *all {
            if other.text() == expression.text() {
                leaves.remove(order);
            }
        }
        all.retain(|(_, leaves)| !leaves.is_empty());
        all.sort_by_key(|(_, leaves)| leaves.first());
        if all.is_empty() {
            self.0 = None;
        }
    }
}

impl<T> Expressions<T> {
    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The routes of each expression that takes the path.
    pub(crate) fn fitting(&self, path: &[u8]) -> impl Iterator<Item = &Leaves<T>> {
        let all = self.0.iter().flat_map(|all| all.iter());
        all.filter(move |(expression, _)| expression.is_match(path)).map(|(_, leaves)| leaves)
    }
}

impl<T> Default for Expressions<T> {
    fn default() -> Self {
        Self(None)
    }
}
