#!/bin/sh
# The one-shot service `init` of docker-compose.yml. Each step may be done again; an upgrade is
# the same as a first start.
set -eu

echo "init: roles, databases, migrations, reference data"
nengduan migrate

echo "init: Airflow's metadata"
airflow db migrate

echo "init: Airflow's users"
python docker/airflow_users.py

echo "init: the marts of this version"
python docker/first_build.py
