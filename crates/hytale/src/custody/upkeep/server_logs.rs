//! What game servers have said.

use crate::custody::{Custody, CustodyError};
use store::{MonthlyTable, Partitions};

/// Calls that one statement forgets.
const CALLS: i64 = 5000;

impl Custody {
    /// Makes months ahead and drops old ones, and forgets which calls were made long ago.
    pub(super) async fn tend_server_logs(
        &self,
        keep_days: u32,
    ) -> Result<Partitions, CustodyError> {
        let store = self.store();
        let partitions = store
            .month_partitions(MonthlyTable::HytaleServerLogs, self.now(), keep_days)
            .await?;
        loop {
            let forgotten = store.hytale_server_log_calls_forget(CALLS).await?;
            if forgotten == 0 {
                return Ok(partitions);
            }
        }
    }
}
