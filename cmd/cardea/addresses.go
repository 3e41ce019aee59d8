package main

import (
	"fmt"
	"maps"
	"slices"

	"github.com/cardea-proxy/cardea/config"
)

// doors are the addresses that Envoy listens on for requests, by key.
func doors(c *config.Config) map[string]string {
	all := map[string]string{"address": c.Address, "http_redirect_addr": c.HTTPRedirectAddr, "console.address": c.Console.Address}
	maps.DeleteFunc(all, func(_, address string) bool { return address == "" })
	return all
}

// newAddresses lists what cfg listens on and the generation before does not.
func newAddresses(before *generation, cfg *config.Config) []string {
	next := slices.Sorted(maps.Values(doors(cfg)))
	if before == nil {
		if cfg.EnvoyAdminAddress != "" {
			next = append(next, cfg.EnvoyAdminAddress) // read once, at the start
		}
		return next
	}
	old := slices.Collect(maps.Values(doors(before.config)))
	return slices.DeleteFunc(next, func(a string) bool { return slices.Contains(old, a) })
}

// handedOn refuses what Envoy would refuse when everything else is in force
// already: an address that goes from one listener to another at once. Envoy
// gives up none before it has the next.
func handedOn(before, cfg *config.Config) error {
	old, next := doors(before), doors(cfg)
	for _, key := range slices.Sorted(maps.Keys(next)) {
		for _, other := range slices.Sorted(maps.Keys(old)) {
			if key != other && next[key] == old[other] {
				return fmt.Errorf("%s: %s is still the address of %s: change that first, and this when it is in force", key, next[key], other)
			}
		}
	}
	return nil
}
