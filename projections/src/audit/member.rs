//! Whose memberships are, from when somebody took them: kept when they are over, for what is told of them afterwards.

use crate::table::{Kind, Line, Shape, Table};
use domain::id::UserId;
use sqlx::{Row, postgres::PgRow};
use uuid::Uuid;

/// Table `audit_member`.
pub(super) struct Members;

impl Table for Members {
    type Row = UserId;
    const SHAPE: Shape = Shape {
        name: "audit_member",
        columns: &[("membership_id", Kind::Uuid), ("user_id", Kind::Uuid)],
    };

    fn read(row: &PgRow) -> Result<(Uuid, UserId), sqlx::Error> {
        Ok((row.try_get(0)?, UserId(row.try_get(1)?)))
    }

    fn write(key: Uuid, row: &UserId, line: &mut Line) {
        line.put(key).put(row.0);
    }
}
