// Package chart holds charts/dunlin to what it is said to be: what it installs for some values files, that bad values are
// refused, and that it and config/ describe the same thing. It runs helm and kubectl, whose folder is in DUNLIN_CLIENT;
// `make chart` and `make test` set that. Nothing here needs a cluster.
package chart
