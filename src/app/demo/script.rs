//! The demo's people and what they do, half hour by half hour: the same for the same seed.

use std::collections::BTreeMap;

use uuid::Uuid;

/// Half hours in a day.
const DAY: u32 = 48;
/// Days that are played; the last of them only let the longest workflow end.
pub const DAYS: u32 = 30;
/// Half hours that are played.
pub const SLOTS: u32 = DAYS * DAY;
/// People come to the shop from 7 to 22 o'clock.
const OPENS: u32 = 14;
const CLOSES: u32 = 44;

const FIRST: [&str; 20] = [
    "Ada", "Bram", "Chiara", "Dmitri", "Elif", "Femi", "Grace", "Hiro", "Ines", "Jonas", "Kofi",
    "Lena", "Mina", "Noor", "Olu", "Priya", "Quinn", "Rosa", "Sven", "Tala",
];
const LAST: [&str; 16] = [
    "Adler", "Bakker", "Costa", "Diallo", "Eriksen", "Ferrari", "Garcia", "Haddad", "Ito",
    "Jansen", "Kaya", "Lopez", "Moreau", "Novak", "Okafor", "Patel",
];
const CITIES: [&str; 8] = [
    "Amsterdam",
    "Berlin",
    "Lagos",
    "Lisbon",
    "Mumbai",
    "Osaka",
    "Paris",
    "Toronto",
];
const PRODUCTS: [&str; 5] = [
    "desk lamp",
    "notebook",
    "headphones",
    "backpack",
    "coffee grinder",
];

/// One of the demo's people.
#[derive(Debug, Clone, PartialEq)]
pub struct Person {
    /// The contact's id.
    pub id: Uuid,
    /// Address at example.com.
    pub email: String,
    /// First name.
    pub first: &'static str,
    /// Last name.
    pub last: &'static str,
    /// City.
    pub city: &'static str,
    /// `import` or `website`.
    pub source: &'static str,
    /// Tags, separated by spaces.
    pub tags: &'static str,
    /// Days before the demo's start of a purchase long ago.
    pub bought_days_ago: Option<u32>,
}

/// What somebody does.
#[derive(Debug, Clone, PartialEq)]
pub enum Deed {
    /// Comes into the CRM.
    Join(Person),
    /// Begins a form, or sends it in at once.
    Form {
        /// The submission.
        id: Uuid,
        /// Who.
        contact: Uuid,
        /// Which form.
        form: &'static str,
        /// Sent in at once.
        sent: bool,
    },
    /// Sends in a form begun before.
    Submit {
        /// The submission.
        id: Uuid,
    },
    /// Pays, or is refused.
    Pay {
        /// The payment.
        id: Uuid,
        /// Who.
        contact: Uuid,
        /// Amount in cents.
        cents: i32,
        /// It went through.
        paid: bool,
        /// What for.
        product: &'static str,
    },
    /// Gets a tag.
    Tag {
        /// Who.
        contact: Uuid,
        /// Which.
        tag: &'static str,
    },
}

/// What happens in each half hour, counted from the demo's start.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Script {
    /// Half hours in which something happens, in order.
    pub slots: BTreeMap<u32, Vec<Deed>>,
}

impl Script {
    /// Writes the script of so many people.
    #[must_use]
    pub fn new(contacts: u32, seed: u64) -> Self {
        let mut script = Self::default();
        for number in 0..contacts {
            // Each person from a stream of his own: the first hundred do the same among a thousand.
            let stream = seed.wrapping_add(u64::from(number).wrapping_mul(0xd134_2543_de82_ef95));
            Life {
                dice: Dice(stream),
                script: &mut script,
            }
            .live(number);
        }
        script
    }

    fn at(&mut self, slot: u32, deed: Deed) {
        self.slots.entry(slot).or_default().push(deed);
    }
}

/// Writes one person's days.
struct Life<'a> {
    dice: Dice,
    script: &'a mut Script,
}

impl Life<'_> {
    fn live(&mut self, number: u32) {
        let imported = self.dice.percent(60);
        let customer = imported && self.dice.percent(12);
        let first = self.dice.pick(&FIRST);
        let last = self.dice.pick(&LAST);
        let id = self.dice.uuid();
        let joined = if imported { 0 } else { self.hour(0, 25) };
        let person = Person {
            id,
            email: format!(
                "{}.{}.{number}@example.com",
                first.to_lowercase(),
                last.to_lowercase()
            ),
            first,
            last,
            city: self.dice.pick(&CITIES),
            source: if imported { "import" } else { "website" },
            tags: match (imported, customer) {
                (true, true) => "imported customer",
                (true, false) => "imported",
                _ => "",
            },
            bought_days_ago: customer.then(|| 40 + self.dice.below(160)),
        };
        self.script.at(joined, Deed::Join(person));
        if imported && self.dice.percent(18) {
            let form = if self.dice.percent(70) {
                "newsletter"
            } else {
                "trial"
            };
            let (submission, slot) = (self.dice.uuid(), self.hour(1, 25));
            self.script.at(
                slot,
                Deed::Form {
                    id: submission,
                    contact: id,
                    form,
                    sent: true,
                },
            );
        }
        if self.dice.percent(45) {
            let begun = if imported {
                self.hour(1, 27)
            } else {
                // Who is new looks around for a day or two first.
                (joined + 2 + self.dice.below(2 * DAY)).min(27 * DAY + OPENS)
            };
            self.fill_a_cart(id, begun);
        }
        if imported && self.dice.percent(22) {
            self.card_refused(id);
        }
    }

    /// A half hour of an open shop, from the morning of one day to the evening before another.
    fn hour(&mut self, from: u32, to: u32) -> u32 {
        let day = from + self.dice.below(to - from);
        day * DAY + OPENS + self.dice.below(CLOSES - OPENS)
    }

    fn fill_a_cart(&mut self, contact: Uuid, begun: u32) {
        let id = self.dice.uuid();
        self.script.at(
            begun,
            Deed::Form {
                id,
                contact,
                form: "checkout-form",
                sent: false,
            },
        );
        match self.dice.below(100) {
            // In time, before the cart counts as abandoned.
            0..15 => {
                self.script.at(begun + 1, Deed::Submit { id });
                self.buy(contact, begun + 1);
            }
            // Before the first mail.
            15..27 => self.buy(contact, begun + 2),
            // After it, within the day.
            27..52 => {
                let later = begun + 4 + self.dice.below(DAY - 4);
                self.buy(contact, later);
            }
            // When the second mail has come.
            52..60 => {
                let later = begun + 54 + self.dice.below(DAY);
                self.buy(contact, later.min((DAYS - 1) * DAY));
            }
            // Leaves another cart within the week: refused by reEnrollmentDelay.
            60..66 => {
                let again = begun + DAY * (2 + self.dice.below(3));
                if again < 28 * DAY {
                    let id = self.dice.uuid();
                    self.script.at(
                        again,
                        Deed::Form {
                            id,
                            contact,
                            form: "checkout-form",
                            sent: false,
                        },
                    );
                }
            }
            _ => {}
        }
    }

    fn card_refused(&mut self, contact: Uuid) {
        let at = self.hour(1, 20);
        let (cents, product) = (self.cents(), self.dice.pick(&PRODUCTS));
        let id = self.dice.uuid();
        self.script.at(
            at,
            Deed::Pay {
                id,
                contact,
                cents,
                paid: false,
                product,
            },
        );
        let later = at + 2 + self.dice.below(6 * DAY);
        match self.dice.below(100) {
            0..45 => {
                let id = self.dice.uuid();
                self.script.at(
                    later,
                    Deed::Pay {
                        id,
                        contact,
                        cents,
                        paid: true,
                        product,
                    },
                );
            }
            45..52 => self.script.at(
                later,
                Deed::Tag {
                    contact,
                    tag: "do-not-contact",
                },
            ),
            _ => {}
        }
    }

    fn buy(&mut self, contact: Uuid, at: u32) {
        let (id, cents, product) = (self.dice.uuid(), self.cents(), self.dice.pick(&PRODUCTS));
        self.script.at(
            at,
            Deed::Pay {
                id,
                contact,
                cents,
                paid: true,
                product,
            },
        );
        self.script.at(
            at + 1,
            Deed::Tag {
                contact,
                tag: "customer",
            },
        );
    }

    fn cents(&mut self) -> i32 {
        900 + i32::try_from(self.dice.below(240) * 50).unwrap_or(0)
    }
}

/// SplitMix64: few lines, and the same numbers in every version of every library.
#[derive(Debug, Clone)]
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`, which is not 0.
    fn below(&mut self, bound: u32) -> u32 {
        u32::try_from((u128::from(self.next()) * u128::from(bound)) >> 64).unwrap_or(0)
    }

    fn percent(&mut self, share: u32) -> bool {
        self.below(100) < share
    }

    fn pick<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(u32::try_from(list.len()).unwrap_or(1)) as usize]
    }

    fn uuid(&mut self) -> Uuid {
        let bytes = (u128::from(self.next()) << 64 | u128::from(self.next())).to_be_bytes();
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_writes_the_same_script() {
        assert_eq!(Script::new(50, 7), Script::new(50, 7));
        assert_ne!(Script::new(50, 7), Script::new(50, 8));
    }

    #[test]
    fn every_deed_is_done_early_enough_for_its_workflow_to_end() {
        for (slot, deeds) in Script::new(3_000, 1).slots {
            for deed in deeds {
                let latest = match deed {
                    // Half an hour, an hour and a day; three days; seven days.
                    Deed::Form {
                        form: "checkout-form",
                        ..
                    } => DAYS * DAY - 52,
                    Deed::Join(_) | Deed::Form { .. } => (DAYS - 3) * DAY - 1,
                    Deed::Pay { paid: false, .. } => (DAYS - 7) * DAY - 1,
                    _ => DAYS * DAY - 1,
                };
                assert!(slot <= latest, "{deed:?} at {slot}");
            }
        }
    }

    #[test]
    fn nobody_acts_before_joining() {
        let script = Script::new(500, 3);
        let mut there = std::collections::HashSet::new();
        for deed in script.slots.values().flatten() {
            match deed {
                Deed::Join(person) => assert!(there.insert(person.id)),
                Deed::Form { contact, .. }
                | Deed::Pay { contact, .. }
                | Deed::Tag { contact, .. } => {
                    assert!(there.contains(contact), "{deed:?}");
                }
                Deed::Submit { .. } => {}
            }
        }
        assert_eq!(there.len(), 500);
    }
}
