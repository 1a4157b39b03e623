//! The chain of calls.

use std::time::Instant;

use reqwest::Method;
use secrecy::SecretString;
use serde::de::DeserializeOwned;
use tokio::sync::{Mutex, OnceCell};

use super::answers::{
    Addon, AddonTokenAnswer, AddonsAnswer, ArchiveAnswer, Backup, BackupsAnswer, ExchangeAnswer,
};
use super::api::{Api, ApiPatience, Call, Credentials};
use super::error::{ApiError, ApiStep, ScalingoError};
use super::token::Token;
use crate::http;
use crate::source::remote::Address;

/// The ID of the add-on provider of PostgreSQL databases.
const POSTGRESQL: &str = "postgresql";

/// The addresses of the API's three servers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoints {
    /// `https://auth.scalingo.com`.
    pub auth: Address,
    /// `https://api.REGION.scalingo.com`.
    pub api: Address,
    /// `https://db-api.REGION.scalingo.com`.
    pub database_api: Address,
}

/// Which app, and how to access its backups.
#[derive(Clone, Debug)]
pub struct ScalingoOptions {
    /// The app whose database is backed up.
    pub app: String,
    /// The API token of one of its collaborators.
    pub token: SecretString,
    /// The database add-on, if the app has several.
    pub addon: Option<String>,
    /// The addresses of the API.
    pub endpoints: Endpoints,
    /// Timeouts and retries.
    pub patience: ApiPatience,
}

/// A client of the API for one app. Tokens are cached between calls.
pub struct Client {
    options: ScalingoOptions,
    api: Api,
    bearer: Mutex<Option<Token>>,
    addon: OnceCell<String>,
    addon_token: Mutex<Option<Token>>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("options", &self.options).finish_non_exhaustive()
    }
}

impl Client {
    /// A client; makes no call yet.
    ///
    /// # Errors
    /// If HTTP or TLS cannot be set up.
    pub fn new(options: ScalingoOptions) -> Result<Self, ScalingoError> {
        let client = http::following_redirects(options.patience.connect)?;
        Ok(Self {
            api: Api::new(client, options.patience),
            options,
            bearer: Mutex::default(),
            addon: OnceCell::new(),
            addon_token: Mutex::default(),
        })
    }

    /// The app.
    #[must_use]
    pub fn app(&self) -> &str {
        &self.options.app
    }

    /// The database's backups, in any order.
    ///
    /// # Errors
    /// If the app has no database, or a call fails.
    pub async fn backups(&self) -> Result<Vec<Backup>, ScalingoError> {
        let addon = self.addon().await?;
        let path = ["api", "databases", addon, "backups"];
        let call =
            Call::new(ApiStep::Backups, Method::GET, &self.options.endpoints.database_api, &path);
        let answer: BackupsAnswer = self.as_addon(addon, &call).await?;
        Ok(answer.database_backups)
    }

    /// A signed address to download a backup from, valid for a limited time.
    ///
    /// # Errors
    /// If a call fails, or the response is not an address.
    pub async fn archive(&self, backup: &str) -> Result<Address, ScalingoError> {
        let addon = self.addon().await?;
        let path = ["api", "databases", addon, "backups", backup, "archive"];
        let call =
            Call::new(ApiStep::Archive, Method::GET, &self.options.endpoints.database_api, &path);
        let answer: ArchiveAnswer = self.as_addon(addon, &call).await?;
        Address::parse(&answer.download_url).map_err(|_| ScalingoError::NoAddress)
    }

    /// The ID of the database add-on, which is also the ID of the database.
    async fn addon(&self) -> Result<&str, ScalingoError> {
        let addon = self.addon.get_or_try_init(async || {
            let app = &self.options.app;
            let path = ["v1", "apps", app, "addons"];
            let call = Call::new(ApiStep::Addons, Method::GET, &self.options.endpoints.api, &path);
            let answer: AddonsAnswer = self.as_user(&call).await?;
            pick_addon(app, &answer.addons, self.options.addon.as_deref())
        });
        addon.await.map(String::as_str)
    }

    /// Makes a call with the user's bearer token.
    async fn as_user<T: DeserializeOwned>(&self, call: &Call) -> Result<T, ApiError> {
        let token = self.bearer(None).await?;
        match self.api.call(call, Credentials::Bearer(&token.secret)).await {
            // Revoked, or expired early.
            Err(error) if error.is_unauthorised() => {
                let token = self.bearer(Some(&token)).await?;
                self.api.call(call, Credentials::Bearer(&token.secret)).await
            }
            result => result,
        }
    }

    /// Makes a call with the token of the add-on.
    async fn as_addon<T: DeserializeOwned>(&self, addon: &str, call: &Call) -> Result<T, ApiError> {
        let token = self.addon_token(addon, None).await?;
        match self.api.call(call, Credentials::Bearer(&token.secret)).await {
            Err(error) if error.is_unauthorised() => {
                let token = self.addon_token(addon, Some(&token)).await?;
                self.api.call(call, Credentials::Bearer(&token.secret)).await
            }
            result => result,
        }
    }

    /// The bearer token: the cached one if it is fresh and not `refused`, otherwise a new one.
    async fn bearer(&self, refused: Option<&Token>) -> Result<Token, ApiError> {
        let mut kept = self.bearer.lock().await;
        if let Some(token) = usable(kept.as_ref(), refused) {
            return Ok(token);
        }
        let path = ["v1", "tokens", "exchange"];
        let call = Call::new(ApiStep::Exchange, Method::POST, &self.options.endpoints.auth, &path);
        let credentials = Credentials::ApiToken(&self.options.token);
        let answer: ExchangeAnswer = self.api.call(&call, credentials).await?;
        Ok(kept.insert(Token::new(answer.token, Instant::now())).clone())
    }

    /// The same for the token of the add-on.
    async fn addon_token(&self, addon: &str, refused: Option<&Token>) -> Result<Token, ApiError> {
        let mut kept = self.addon_token.lock().await;
        if let Some(token) = usable(kept.as_ref(), refused) {
            return Ok(token);
        }
        let path = ["v1", "apps", &self.options.app, "addons", addon, "token"];
        let call = Call::new(ApiStep::AddonToken, Method::POST, &self.options.endpoints.api, &path);
        let answer: AddonTokenAnswer = self.as_user(&call).await?;
        Ok(kept.insert(Token::new(answer.addon.token, Instant::now())).clone())
    }
}

fn usable(kept: Option<&Token>, refused: Option<&Token>) -> Option<Token> {
    let is_refused = |kept: &Token| refused.is_some_and(|refused| refused.is(kept));
    kept.filter(|kept| kept.is_fresh(Instant::now()) && !is_refused(kept)).cloned()
}

/// The only PostgreSQL add-on, or the requested one.
fn pick_addon(app: &str, addons: &[Addon], wanted: Option<&str>) -> Result<String, ScalingoError> {
    let app = app.to_owned();
    let found: Vec<&Addon> = addons.iter().filter(|addon| addon.provider() == POSTGRESQL).collect();
    let labels = || found.iter().map(|addon| addon.label()).collect();
    match (wanted, found.as_slice()) {
        (Some(wanted), _) => match found.iter().find(|addon| addon.id == wanted) {
            Some(addon) => Ok(addon.id.clone()),
            None => {
                Err(ScalingoError::NoSuchAddon { app, wanted: wanted.to_owned(), others: labels() })
            }
        },
        (None, [addon]) => Ok(addon.id.clone()),
        (None, []) => {
            let others = addons.iter().map(|addon| addon.provider().to_owned()).collect();
            Err(ScalingoError::NoAddon { app, others })
        }
        (None, _) => Err(ScalingoError::SeveralAddons { app, addons: labels() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addon(id: &str, provider: &str) -> Addon {
        let json = serde_json::json!({
            "id": id, "status": "running", "addon_provider": {"id": provider, "name": "…"}
        });
        serde_json::from_value(json).unwrap()
    }

    fn picked(addons: &[Addon], wanted: Option<&str>) -> Result<String, String> {
        pick_addon("pix", addons, wanted).map_err(|error| error.to_string())
    }

    #[test]
    fn only_database_is_picked_among_other_add_ons() {
        let addons = [addon("ad-1", "redis"), addon("ad-2", "postgresql")];
        assert_eq!(picked(&addons, None).as_deref(), Ok("ad-2"));
    }

    #[test]
    fn app_without_a_database_reports_its_add_ons() {
        let error = picked(&[addon("ad-1", "redis")], None).unwrap_err();
        assert_eq!(error, "the app pix has no PostgreSQL add-on (it has redis)");
        let error = picked(&[], None).unwrap_err();
        assert_eq!(error, "the app pix has no PostgreSQL add-on (it has none)");
    }

    #[test]
    fn several_databases_require_a_choice() {
        let addons = [addon("ad-1", "postgresql"), addon("ad-2", "postgresql")];
        let error = picked(&addons, None).unwrap_err();
        assert!(error.ends_with("--addon (ad-1: running, ad-2: running)"), "{error}");
        assert_eq!(picked(&addons, Some("ad-2")).as_deref(), Ok("ad-2"));
        let error = picked(&addons, Some("ad-3")).unwrap_err();
        assert!(error.contains("no PostgreSQL add-on ad-3"), "{error}");
    }
}
