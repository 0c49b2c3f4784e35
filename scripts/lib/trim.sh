#!/bin/sh
# Removes from a folder of installed packages what no program of the mesh imports: trim.sh FOLDER. A seventh of them is tests and
# headers of other packages, 400 services of AWS, and the parts of pyarrow that speak to other machines.
set -eu
cd "$1"
for package in numpy pandas pyarrow scipy statsmodels; do
    [ ! -d "$package" ] || find "$package" -type d \( -name tests -o -name test \) -prune -exec rm -rf {} +
done
rm -rf pyarrow/include pyarrow/src pyarrow/libarrow_flight.* pyarrow/libarrow_python_flight.* pyarrow/_flight.* \
    pyarrow/libarrow_s3.* pyarrow/_s3fs.*
[ ! -d botocore/data ] ||
    find botocore/data -mindepth 1 -maxdepth 1 -type d ! -name s3 ! -name sts ! -name 'sso*' -exec rm -rf {} +
