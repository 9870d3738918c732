"""The web app inside Airflow."""
