"""The rule of `flights.history` in Spark, for all members of a dimension at once.

Changes are rows of (business key, since, present, attributes): from `since` on, the member's state is that of
the row; `present` is false, and every attribute null, where it is missing from the list.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812

from flights.history import days_to_restore
from flights.schema import BEGINNING, END_OF_TIME, VALIDITY
from flights.spark.keys import surrogate_key
from flights.tables import Column, Table


@dataclass(frozen=True)
class History:
    """How a dimension of type 2 is made of changes: `key` is its business key."""

    table: Table
    key: str

    @property
    def attributes(self) -> tuple[str, ...]:
        """The columns whose changes count."""
        made_here = {self.table.key[0], self.key, *(column.name for column in VALIDITY)}
        return tuple(name for name in self.table.names if name not in made_here)

    @property
    def changes(self) -> Table:
        """The table of its changes."""
        columns = {column.name: column for column in self.table.columns}
        return Table(
            f"{self.table.name}_changes",
            "a member's state from a day on",
            (self.key, "since"),
            (
                columns[self.key],
                Column("since", "date", "First day of the state.", required=True),
                Column("present", "boolean", "Whether it is in the list.", required=True),
                *(columns[name] for name in self.attributes),
            ),
        )

    def merge(
        self, changes: DataFrame, known: Collection[date], snapshots: DataFrame, new: Collection[date]
    ) -> DataFrame:
        """The changes after new snapshots: rows of (business key, since, attributes), one a member and day.

        `known` are the days of the snapshots that `changes` come from, `new` those of the new ones. A day of
        both is corrected.
        """
        restored = days_to_restore(known, new)
        shown = snapshots.withColumn("present", F.lit(True))
        members = changes.select(self.key).union(snapshots.select(self.key)).distinct()
        points = changes.where(~F.col("since").isin(*new, *restored)).unionByName(
            self._on_days(members, new, shown)
        )
        if restored:
            points = points.unionByName(self._on_days(members, restored, self._states_on(changes, restored)))
        order = Window.partitionBy(self.key).orderBy("since")
        state = F.struct("present", *self.attributes)
        judged = points.withColumn("before", F.lag(state).over(order))
        # A member's first state counts if it is there; what follows, if it differs, nulls being equal.
        differs = F.when(F.col("before").isNull(), F.col("present")).otherwise(
            ~state.eqNullSafe(F.col("before"))
        )
        return judged.where(differs).select(*self.changes.names)

    def versions(self, changes: DataFrame) -> DataFrame:
        """The dimension's rows, without the unknown member."""
        order = Window.partitionBy(self.key).orderBy("since")
        valid_from = F.when(F.row_number().over(order) == 1, F.lit(BEGINNING)).otherwise(F.col("since"))
        valid_to = F.coalesce(F.lead("since").over(order), F.lit(END_OF_TIME))
        intervals = changes.withColumns({"valid_from": valid_from, "valid_to": valid_to})
        made = {
            self.table.key[0]: surrogate_key(F.col(self.key), F.col("valid_from")),
            "is_current": F.col("valid_to") == F.lit(END_OF_TIME),
        }
        return intervals.where("present").withColumns(made).select(*self.table.names)

    def _on_days(self, members: DataFrame, days: Collection[date], states: DataFrame) -> DataFrame:
        """The state of each member on each of the days, absent where `states` has none."""
        each_day = members.withColumn("since", F.explode(F.array(*(F.lit(day) for day in sorted(days)))))
        joined = each_day.join(states, [self.key, "since"], "left")
        return joined.withColumn("present", F.coalesce("present", F.lit(False)))

    def _states_on(self, changes: DataFrame, days: Collection[date]) -> DataFrame:
        """The latest state of each member on or before each of the days."""
        day = F.explode(F.array(*(F.lit(day) for day in sorted(days))))
        known = changes.withColumn("day", day).where(F.col("since") <= F.col("day"))
        state = F.max_by(F.struct("present", *self.attributes), "since").alias("state")
        states = known.groupBy(self.key, F.col("day").alias("since")).agg(state)
        return states.select(self.key, "since", "state.*")
