#!/bin/sh
# Removes from a folder of installed packages what no program of the mesh reads: trim.sh FOLDER. A sixth of them is tests, data and
# headers of other packages, 400 services of AWS, the parts of pyarrow that speak to other machines, second copies of libraries, and
# symbols for debuggers.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
cd "$1"
for package in numpy pyarrow; do
    [ ! -d "$package" ] || find "$package" -type d \( -name tests -o -name test \) -prune -exec rm -rf {} +
done
rm -rf pyarrow/include pyarrow/src pyarrow/libarrow_flight.* pyarrow/libarrow_python_flight.* pyarrow/_flight.* \
    pyarrow/libarrow_s3.* pyarrow/_s3fs.*
# A wheel has no symbolic links: of three copies of a library, the one that is loaded has one number in its name.
rm -f pyarrow/libarrow_python*.so pyarrow/libarrow_python*.so.*.*.*
# Python's module of ONNX Runtime has the whole of it inside; the library is for programs in C, the folders for those who make models.
rm -rf onnxruntime/capi/libonnxruntime.so* onnxruntime/transformers onnxruntime/quantization onnxruntime/tools
[ ! -d botocore/data ] ||
    find botocore/data -mindepth 1 -maxdepth 1 -type d ! -name s3 ! -name sts ! -name 'sso*' -exec rm -rf {} +
"${PYTHON:-python3}" "$here/symbols.py" .
