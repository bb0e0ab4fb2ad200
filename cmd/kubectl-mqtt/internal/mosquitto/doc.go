// Package mosquitto reads Mosquitto's configuration, password and ACL files, and makes of them what Dunlin runs: a broker's
// configuration, or Broker, User and ACL objects. What has no counterpart is named with its file and line.
//
// It opens the files that the configuration names and nothing else, and never writes. The commands import and run
// --mosquitto-conf call it.
package mosquitto
