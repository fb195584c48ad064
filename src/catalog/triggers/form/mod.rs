//! What happens to a form.

mod abandoned;
mod submitted;

pub use abandoned::Abandoned;
pub use submitted::Submitted;
