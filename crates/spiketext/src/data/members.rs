//! The members of a JSON object in the order in which they stand there, which `serde_json` does not keep.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};

/// The members of an object, each with a value as `V` takes it.
#[derive(Clone, Debug)]
pub(super) struct Members<V>(pub(super) Vec<(String, V)>);

impl<V> Members<V> {
    /// The value of the member called `name`; of several, the last.
    pub(super) fn get(&self, name: &str) -> Option<&V> {
        self.0.iter().rev().find(|member| member.0 == name).map(|member| &member.1)
    }

    /// The names of all members.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|member| member.0.as_str())
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Members<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Taking<V>(std::marker::PhantomData<V>);

        impl<'de, V: Deserialize<'de>> Visitor<'de> for Taking<V> {
            type Value = Members<V>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<V>, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Taking(std::marker::PhantomData))
    }
}
