"""The ETL into the operational store: curated flights, the source's weather, reference lists → PostgreSQL."""
