//! `health-probe defect`: always fails, with a text. The unit of a broken check file says so what is wrong with it.

use clap::Args;

/// Prints TEXT and fails (for the units of check files that cannot be understood).
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  health-probe defect \"/etc/health-checker/checks.d/web.check:3: unknown key 'HttpGte'\""
)]
pub struct Defect {
    /// What is wrong
    #[arg(required = true, allow_hyphen_values = true, trailing_var_arg = true)]
    pub text: Vec<String>,
}
