"""City of Winnipeg utility bills, a Socrata data set (`49ge-5j9g` on data.winnipeg.ca)."""

from __future__ import annotations

from collections.abc import Iterator

from ingestion.source import Batch, Param, Problem, Run, Source, Table, Unchanged


def _read(run: Run) -> Iterator[Batch | Problem | Unchanged]:
    # Imported when running: the declaration itself must stay free of sodapy and DuckDB.
    from ingestion.sources.winnipeg_billing.read import read

    return read(run)


SOURCE = Source(
    name="winnipeg_billing",
    title="City of Winnipeg utility bills",
    tables=(
        Table(
            name="utility_billing",
            columns=(
                # Socrata's own: row identifier, and when the row was made and last published.
                "_id", "_created_at", "_updated_at",
                "hydro_gas_id", "account_number", "customer_name", "ssc_number", "customer_information",
                "service_address", "town", "meter_number", "actual_service_type", "rate", "service_from_date",
                "service_to_date", "current_reading", "days_of_service", "billing_units", "read_code", "basic_charge",
                "primary_other", "supplemental", "transportation", "distribution", "frp_refund", "city_tax",
                "gst_on_city_tax", "carbon_charge", "pst", "gst", "adjustment", "amount_due", "demand_billing",
                "billed_kva", "measured_demand", "high_demand", "contract_demand", "multiplier",
            ),
            key=("_id", "hydro_gas_id"),
            personal=(
                "account_number", "customer_name", "ssc_number", "customer_information", "service_address",
                "meter_number",
            ),
        ),
        Table(name="utility_billing_deletions", columns=("_id",), key=("_id",)),
    ),
    cadence="monthly",
    licence="Open Government Licence with attribution; the metadata's own words are logged at every landing",
    settings=("SOCRATA_DOMAIN", "SOCRATA_DATASET_ID"),
    read=_read,
    timezone="America/Winnipeg",
    params=(
        Param("accept_shrink", "take a set that lost a tenth of its rows", is_switch=True),
        Param("full", "read everything, not only what changed", is_switch=True),
    ),
    quirks=(
        "Null values are left out of the JSON objects: columns come from the metadata, never from a row.",
        "No business key is unique (groups of up to 992 rows differ in nothing but their id): only :id is the key.",
        "Paging without $order repeats and loses rows with the right total; a short page is not the last page.",
        "A publication can give every row a new :updated_at; deletions show only in a complete listing of :id.",
    ),
)  # fmt: skip
