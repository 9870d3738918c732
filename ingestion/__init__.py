"""Everything that comes into the warehouse; imports no Airflow."""
