#!/bin/sh
# Made these files, once: two authorities, two servers, a client of each. They are good for nothing but these tests.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT
request() { # NAME
  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$1" -keyout "$2" -out "$work/$1.csr"
}
signed() { # NAME AUTHORITY KEY EXTENSIONS; `openssl ca` is the one that takes a beginning, so that no clock matters
  : >"$work/index" && rm -f "$work/index.attr"
  printf '[ca]\ndefault_ca=c\n[c]\ndatabase=%s\nnew_certs_dir=%s\nrand_serial=yes\ndefault_md=sha256\npolicy=p\n' \
    "$work/index" "$work" >"$work/ca.cnf"
  printf '[p]\ncommonName=supplied\n[e]\n%s\n' "$4" >>"$work/ca.cnf"
  openssl ca -batch -notext -config "$work/ca.cnf" -extensions e -startdate 20200101000000Z -enddate 21200101000000Z \
    -in "$work/$1.csr" -out "$1.pem" -keyfile "$3" $2
}
for name in ours theirs; do
  request "$name" "$work/$name.key"
  signed "$name" -selfsign "$work/$name.key" "basicConstraints=critical,CA:TRUE"
done
leaf() { # NAME AUTHORITY EXTENSIONS
  request "$1" "$1-key.pem"
  signed "$1" "-cert $2.pem" "$work/$2.key" "$3"
}
leaf engine ours "subjectAltName=IP:127.0.0.1,DNS:localhost"
leaf elsewhere ours "subjectAltName=DNS:nas.example"
leaf client ours "extendedKeyUsage=clientAuth"
leaf stranger theirs "extendedKeyUsage=clientAuth"
