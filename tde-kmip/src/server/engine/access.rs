//! Which objects a request may see.

use tde_kmip_codec::{attribute::UniqueIdentifier, spec::enumeration, spec::enumeration::Operation};

use super::{
    batch::Batch,
    failure::{Failure, Outcome, Why},
    record::Object,
};

impl Batch<'_> {
    /// The object that a request names, or that the batch's ID Placeholder holds, if the client may see it.
    pub(super) fn object(&mut self, id: Option<UniqueIdentifier<'_>>) -> Outcome<Object> {
        let id = self.identifier(id)?;
        self.object_by_id(&id)
    }

    /// The object with this identifier, if the client may see it.
    pub(super) fn object_by_id(&mut self, id: &str) -> Outcome<Object> {
        self.touched.push(id.to_owned());
        match self.find(id)? {
            Some(object) => Ok(object),
            None => Err(Failure::no_object(id).into()),
        }
    }

    /// The same, without complaint if there is none.
    pub(super) fn find(&self, id: &str) -> Outcome<Option<Object>> {
        let Some(record) = self.store.get(id)?.filter(|record| record.owner == self.owner) else {
            return Ok(None);
        };
        let mut object = Object::load(&record)?;
        object.tick(self.now);
        Ok(Some(object))
    }

    /// The identifier that a request gives in one of its forms (KMIP 2.1, section 4.58).
    pub(super) fn identifier(&self, id: Option<UniqueIdentifier<'_>>) -> Outcome<String> {
        use enumeration::UniqueIdentifier as Form;
        let made_by = |operation: Operation, place: usize| {
            let made = self.made.iter().rev().find(|made| made.operation == operation);
            made.and_then(|made| made.ids.get(place)).cloned()
        };
        let found = match id {
            Some(UniqueIdentifier::Text(text)) => Some(text.to_owned()),
            None | Some(UniqueIdentifier::Placeholder(Form::ID_PLACEHOLDER)) => self.placeholder.clone(),
            Some(UniqueIdentifier::Index(index)) => {
                let ids = || self.made.iter().flat_map(|made| &made.ids);
                let back = index.unsigned_abs() as usize;
                if index < 0 {
                    ids().count().checked_sub(back).and_then(|place| ids().nth(place)).cloned()
                } else {
                    ids().nth(back).cloned()
                }
            }
            Some(UniqueIdentifier::Placeholder(form)) => match form {
                Form::CREATE => made_by(Operation::CREATE, 0),
                Form::CREATE_KEY_PAIR | Form::CREATE_KEY_PAIR_PRIVATE_KEY => {
                    made_by(Operation::CREATE_KEY_PAIR, 0)
                }
                Form::CREATE_KEY_PAIR_PUBLIC_KEY => made_by(Operation::CREATE_KEY_PAIR, 1),
                Form::LOCATE => made_by(Operation::LOCATE, 0),
                Form::REGISTER => made_by(Operation::REGISTER, 0),
                Form::RE_KEY => made_by(Operation::RE_KEY, 0),
                Form::RE_KEY_KEY_PAIR | Form::RE_KEY_KEY_PAIR_PRIVATE_KEY => {
                    made_by(Operation::RE_KEY_KEY_PAIR, 0)
                }
                Form::RE_KEY_KEY_PAIR_PUBLIC_KEY => made_by(Operation::RE_KEY_KEY_PAIR, 1),
                Form::IMPORT => made_by(Operation::IMPORT, 0),
                _ => None,
            },
        };
        Ok(found.ok_or_else(|| {
            Failure::new(
                Why::NoPlaceholder,
                "the batch has no object that the Unique Identifier could stand for",
            )
        })?)
    }
}
