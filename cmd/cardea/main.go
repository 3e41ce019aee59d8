// Command cardea is an identity-aware access proxy: one program, started with a
// configuration file, that stands in front of applications.
//
//	main.go, command.go  the command line
//	serve.go             one run, from the configuration to the last drained request
//	house.go             the parts and what connects them
//	reload.go            the only door for a new configuration
//	prepare.go           what is made of one before it is in force
//	secrets.go           the shared secret and the keys derived from it
//	listeners.go         private sockets, and what serves on them
//	certificates.go      certificates when the configuration names none
//	operators.go, metrics.go   health, profiles, figures
//	audit.go, audit_*.go  who did what in the console
//	welcome.go           what a person at a terminal is told
//	validate.go, trust.go, user.go    the other commands
package main

import (
	"context"
	"os"
)

func main() { os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr)) }
