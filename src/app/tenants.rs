//! Tenants: listing and creating them.

use chrono_tz::Tz;

use super::{
    config::tenant_name_is_valid,
    error::{AppError, AppResult},
    waypost::Waypost,
};
use crate::store::tenants::{self, Tenant, TenantRow};

impl Waypost {
    /// Every tenant, by name.
    ///
    /// # Errors
    /// Of the database.
    pub async fn tenants(&self) -> AppResult<Vec<TenantRow>> {
        let mut tx = self.begin_as_owner().await?;
        Ok(tenants::list(&mut tx).await?)
    }

    /// Creates a tenant.
    ///
    /// # Errors
    /// Its name or zone cannot be; there is one of that name.
    pub async fn create_tenant(&self, name: &str, timezone: &str) -> AppResult<()> {
        if !tenant_name_is_valid(name) {
            return Err(AppError::usage(format!(
                "{name:?} cannot be a tenant's name: letters, digits, `-`, `_` and `.`, at most 63, beginning with a letter or digit"
            )));
        }
        if timezone.parse::<Tz>().is_err() {
            return Err(AppError::usage(format!(
                "{timezone:?} is no time zone: write a name such as Europe/Berlin"
            )));
        }
        let mut tx = self.begin_as_owner().await?;
        let made = tenants::create(&mut tx, name, timezone).await?;
        tx.commit().await?;
        if made {
            Ok(())
        } else {
            Err(AppError::no(format!("there is a tenant {name:?} already")))
        }
    }

    /// The number of the tenant where one was named; none: all are meant.
    ///
    /// # Errors
    /// There is none of that name.
    pub async fn named_tenant(&self) -> AppResult<Option<i32>> {
        if !self.settings.tenant_named {
            return Ok(None);
        }
        let mut tx = self.begin_as_owner().await?;
        Ok(Some(self.find_tenant(&mut tx).await?.id))
    }

    /// The settings' tenant.
    ///
    /// # Errors
    /// There is none of that name.
    pub(super) async fn find_tenant(
        &self,
        connection: &mut sqlx::PgConnection,
    ) -> AppResult<Tenant> {
        let name = self.tenant();
        tenants::find(connection, name).await?.ok_or_else(|| {
            AppError::no(format!(
                "there is no tenant {name:?}: create it with `waypost tenants create {name}`"
            ))
        })
    }
}
