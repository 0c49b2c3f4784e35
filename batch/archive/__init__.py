"""The archive: days of the catalog as Parquet objects, which other engines read without the catalog."""
