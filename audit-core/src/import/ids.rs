//! The ids of which a source should have one each.

use std::collections::HashSet;

use uuid::Uuid;

use super::ImportError;

/// Ids that came before.
#[derive(Debug)]
pub(super) struct Ids {
    seen: HashSet<Uuid>,
    most: usize,
    are_unique: bool,
}

impl Ids {
    pub(super) fn new(most: usize, are_unique: bool) -> Self {
        Self { seen: HashSet::new(), most, are_unique }
    }

    /// Makes room for so many more. Of a source whose own index keeps ids apart, those of one batch are remembered.
    pub(super) fn expect(&mut self, more: usize) -> Result<(), ImportError> {
        if self.are_unique {
            self.seen.clear();
        } else if more > self.most.saturating_sub(self.seen.len()) {
            return Err(ImportError::TooManyIds { most: self.most });
        }
        Ok(())
    }

    /// Whether it is the first of its kind.
    pub(super) fn insert(&mut self, id: Uuid) -> bool {
        self.seen.insert(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_are_remembered_as_are_allowed_and_of_a_unique_source_those_of_a_batch() {
        let [one, two] = [1, 2].map(Uuid::from_u128);
        let mut ids = Ids::new(2, false);
        ids.expect(1).unwrap();
        assert!(ids.insert(one));
        ids.expect(1).unwrap();
        assert!(!ids.insert(one) && ids.insert(two));
        assert!(matches!(ids.expect(1), Err(ImportError::TooManyIds { most: 2 })));

        let mut ids = Ids::new(2, true);
        for _ in 0..3 {
            ids.expect(1).unwrap();
            assert!(ids.insert(one) && !ids.insert(one));
        }
    }
}
