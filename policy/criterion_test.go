package policy

import (
	"os"
	"slices"
	"testing"
)

func TestEveryCriterionHasItsFiles(t *testing.T) {
	t.Parallel()
	for name, k := range criteria {
		for _, file := range []string{"criterion_" + name + ".go", "criterion_" + name + "_test.go"} {
			if _, err := os.Stat(file); err != nil {
				t.Errorf("criterion %s: %v", name, err)
			}
		}
		if _, ok := knownElsewhere[name]; ok {
			t.Errorf("criterion %s is built, and said not to be", name)
		}
		if (k.clauses == nil) != k.notYet {
			t.Errorf("criterion %s: not yet %v, and clauses %v", name, k.notYet, k.clauses != nil)
		}
		if k.notYet == slices.Contains(criterionNames(), name) {
			t.Errorf("criterion %s: not yet %v, and offered %v", name, k.notYet, !k.notYet)
		}
		if k.until != nil && !k.reads.Clock && k.readsOf == nil {
			t.Errorf("criterion %s changes by itself and does not read the clock", name)
		}
	}
}

func TestCriteriaThatAskWhoReadTheSession(t *testing.T) {
	t.Parallel()
	for name, k := range criteria {
		if k.session != k.reads.Session {
			t.Errorf("criterion %s: session %v, reads session %v", name, k.session, k.reads.Session)
		}
		if !slices.IsSorted(k.reads.Headers) {
			t.Errorf("criterion %s: headers %v are not sorted", name, k.reads.Headers)
		}
	}
}
