package envoy

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
)

// A key names one resource.
type key struct{ typeURL, name string }

func (k key) String() string { return fmt.Sprintf("%s %q", kind(k.typeURL), k.name) }

// A refusal is why Envoy did not take a version of a resource.
type refusal struct{ version, reason string }

// A delivery is one response on its way: what it brings, what it takes away.
type delivery struct {
	typeURL string
	brings  map[string]string // name -> version
	removes []string
}

// acks is what one stream told about what it was sent. A new stream begins
// with a new one, as the protocol's nonces do. Not safe for concurrent use.
type acks struct {
	asked   map[key]bool        // subscribed by name
	have    map[key]string      // taken: key -> version
	refused map[key]refusal     // not taken
	under   map[string]delivery // nonce -> not answered yet
}

func newAcks() *acks {
	return &acks{
		asked:   make(map[key]bool),
		have:    make(map[key]string),
		refused: make(map[key]refusal),
		under:   make(map[string]delivery),
	}
}

// sent notes a response. What was refused before is now superseded.
func (a *acks) sent(response *discovery.DeltaDiscoveryResponse) {
	d := delivery{
		typeURL: response.GetTypeUrl(),
		brings:  make(map[string]string, len(response.GetResources())),
		removes: response.GetRemovedResources(),
	}
	for _, r := range response.GetResources() {
		d.brings[r.GetName()] = r.GetVersion()
		delete(a.refused, key{d.typeURL, r.GetName()})
	}
	for _, name := range d.removes {
		delete(a.refused, key{d.typeURL, name})
	}
	a.under[response.GetNonce()] = d
}

// heard notes a request, which may subscribe, answer a response, or both.
// reason is set if the answer is no.
func (a *acks) heard(request *discovery.DeltaDiscoveryRequest) (answers bool, reason string) {
	typeURL := request.GetTypeUrl()
	for name, version := range request.GetInitialResourceVersions() {
		a.have[key{typeURL, name}] = version
	}
	for _, name := range request.GetResourceNamesSubscribe() {
		a.asked[key{typeURL, name}] = true
	}
	for _, name := range request.GetResourceNamesUnsubscribe() {
		delete(a.asked, key{typeURL, name})
		delete(a.have, key{typeURL, name})
	}
	answered, ok := a.under[request.GetResponseNonce()]
	if !ok {
		return false, ""
	}
	delete(a.under, request.GetResponseNonce())
	if problem := request.GetErrorDetail(); problem != nil {
		reason = cmp.Or(problem.GetMessage(), "no reason given")
		for name, version := range answered.brings {
			a.refused[key{typeURL, name}] = refusal{version, reason}
		}
		return true, reason
	}
	for name, version := range answered.brings {
		a.have[key{typeURL, name}] = version
	}
	for _, name := range answered.removes {
		delete(a.have, key{typeURL, name})
	}
	return true, ""
}

// missing returns what of s Envoy has not taken yet, and the first refusal of
// it, "" if there is none. What Envoy need not ask for is in unasked.
func (a *acks) missing(s *served, unasked map[key]bool) (missing []key, reason string) {
	for typeURL, versions := range s.versions {
		for name, version := range versions {
			k := key{typeURL, name}
			if a.have[k] == version || unasked[k] && !a.asked[k] {
				continue
			}
			missing = append(missing, k)
		}
	}
	slices.SortFunc(missing, func(x, y key) int {
		return cmp.Or(cmp.Compare(x.typeURL, y.typeURL), cmp.Compare(x.name, y.name))
	})
	for _, k := range missing {
		if no, ok := a.refused[k]; ok && no.version == s.versions[k.typeURL][k.name] {
			return missing, fmt.Sprintf("%s: %s", k, no.reason)
		}
	}
	return missing, ""
}

// waiting reports whether a response is on its way.
func (a *acks) waiting() bool { return len(a.under) > 0 }

// neverAsked returns the keys that Envoy has not subscribed to. Clusters and
// listeners go to it unasked and are not among them.
func (a *acks) neverAsked(keys []key) map[key]bool {
	never := make(map[key]bool)
	for _, k := range keys {
		if k.typeURL != resource.ClusterType && k.typeURL != resource.ListenerType && !a.asked[k] {
			never[k] = true
		}
	}
	return never
}

// refusals lists what Envoy refuses now, for a person.
func (a *acks) refusals() []string {
	var all []string
	for k, no := range a.refused {
		all = append(all, fmt.Sprintf("%s: %s", k, no.reason))
	}
	slices.Sort(all)
	return all
}

// few names some of the keys and counts the others.
func few(keys []key) string {
	const most = 3
	names := make([]string, 0, most)
	for _, k := range keys[:min(most, len(keys))] {
		names = append(names, k.String())
	}
	if more := len(keys) - most; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names, ", "), more)
	}
	return strings.Join(names, ", ")
}

// merge returns the keys of both.
func merge(a, b map[key]bool) map[key]bool {
	all := maps.Clone(a)
	if all == nil {
		all = make(map[key]bool, len(b))
	}
	maps.Copy(all, b)
	return all
}
