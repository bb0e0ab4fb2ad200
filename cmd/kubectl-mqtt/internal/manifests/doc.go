// Package manifests reads Broker, User and ACL objects from files and checks them as an API server
// would: the same schema, defaults and rules, out of the same CustomResourceDefinitions, and in
// addition what only shows when all objects are seen together.
//
// It never talks to a cluster, and never writes a file. The subcommands of kubectl-mqtt call it.
package manifests
