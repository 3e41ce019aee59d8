package audit

import (
	"crypto/ed25519"
	"fmt"
	"iter"
)

// A What is a kind of finding.
type What string

// The kinds.
const (
	Gap          What = "gap"       // an entry is missing
	Changed      What = "changed"   // an entry is not what was written
	Fork         What = "fork"      // an entry does not follow the one before
	Order        What = "order"     // an entry is there twice, or out of order
	BadSignature What = "signature" // a head is not signed by the key
	HeadWrong    What = "head"      // the head is missing, or not that of the last entry
	Rewritten    What = "rewritten" // a head that somebody kept names another entry
	CutOff       What = "cut off"   // a head that somebody kept is beyond the last one
)

// A Finding is one thing that is wrong.
type Finding struct {
	What     What   `json:"what"`
	Sequence uint64 `json:"sequence"` // of the entry; 0 where it is about none
	Text     string `json:"text"`     // a sentence without its full stop
}

// maxFindings bounds how many findings are kept; all are counted.
const maxFindings = 1000

// A Report is what a verification found.
type Report struct {
	Entries  uint64    `json:"entries"`
	Head     Head      `json:"head"`
	Findings []Finding `json:"findings"`
	More     int       `json:"more,omitempty"` // findings beyond those kept
	Remarks  []string  `json:"remarks,omitempty"`
}

// Intact reports whether nothing was found.
func (r *Report) Intact() bool { return len(r.Findings) == 0 }

// Verify checks the lines of an export: every hash, every link, the signature of
// the head by key, and that the heads that somebody kept are in the chain. The
// error is that of reading.
func Verify(lines iter.Seq2[Line, error], key ed25519.PublicKey, known []KnownHead) (Report, error) {
	v := verifying{key: key, hashes: map[uint64]Hash{}, report: Report{Findings: []Finding{}}}
	for l, err := range lines {
		if err != nil {
			return Report{}, err
		}
		v.line(&l)
	}
	v.end(known)
	return v.report, nil
}

type verifying struct {
	key    ed25519.PublicKey
	report Report

	last     uint64 // number of the last entry or problem
	previous Hash   // what the next entry must follow
	unsure   bool   // what is before the next entry cannot be read: it may follow anything
	hashes   map[uint64]Hash
	head     *Head
}

func (v *verifying) found(what What, sequence uint64, format string, args ...any) {
	if len(v.report.Findings) == maxFindings {
		v.report.More++
		return
	}
	v.report.Findings = append(v.report.Findings, Finding{what, sequence, fmt.Sprintf(format, args...)})
}

func (v *verifying) line(l *Line) {
	switch {
	case v.head != nil:
		v.found(Order, 0, "something follows the head")
	case l.Entry != nil:
		v.entry(l.Entry)
	case l.Head != nil:
		v.head = l.Head
	case l.Problem != nil:
		if l.Problem.Sequence > 0 && v.step(l.Problem.Sequence) {
			v.unsure = true
		}
		v.found(Changed, l.Problem.Sequence, "%s", l.Problem.Text)
	}
}

// step goes on to a number, and tells of those that were passed.
func (v *verifying) step(to uint64) bool {
	switch {
	case to <= v.last:
		v.found(Order, to, "entry %d comes behind entry %d", to, v.last)
		return false
	case to > v.last+1:
		v.found(Gap, v.last+1, "%s", missing(v.last+1, to-1))
		v.unsure = true
	}
	v.last = to
	return true
}

func missing(first, last uint64) string {
	if first == last {
		return fmt.Sprintf("gap at %d: the entry is missing", first)
	}
	return fmt.Sprintf("gap at %d: the entries %d to %d are missing", first, first, last)
}

func (v *verifying) entry(e *Entry) {
	if !v.step(e.Sequence) {
		return
	}
	v.report.Entries++
	if e.sum() != e.Hash {
		v.found(Changed, e.Sequence, "entry %d was changed: %v", e.Sequence, errChanged)
	} else if !v.unsure && e.Previous != v.previous {
		if e.Sequence == 1 {
			v.found(Fork, 1, "chain forks at 1: entry 1 says that there was one before it")
		} else {
			v.found(Fork, e.Sequence, "chain forks at %d: entry %d does not follow the entry %d that is there", e.Sequence, e.Sequence, e.Sequence-1)
		}
	}
	v.previous, v.unsure = e.Hash, false
	v.hashes[e.Sequence] = e.Hash
}

func (v *verifying) end(known []KnownHead) {
	switch h := v.head; {
	case h == nil:
		v.found(HeadWrong, 0, "there is no head: what was behind the last entry cannot be told")
	case h.Sequence == 0 && v.last > 1:
		v.found(HeadWrong, 0, "the head is missing, with %d entries there", v.last)
	case h.Sequence > 0 && !h.SignedBy(v.key):
		v.report.Head = *h
		v.found(BadSignature, h.Sequence, "the signature of the head does not match the key")
	default:
		v.report.Head = *h
		v.place(h)
	}
	v.known(known)
}

// place compares the head with what is there.
func (v *verifying) place(h *Head) {
	switch hash, ok := v.hashes[h.Sequence]; {
	case h.Sequence > v.last:
		v.found(Gap, v.last+1, "%s: the head is at %d", missing(v.last+1, h.Sequence), h.Sequence)
	case ok && hash != h.Hash:
		v.found(Fork, h.Sequence, "chain forks at %d: the head was made for another entry %d than is there", h.Sequence, h.Sequence)
	case v.last > h.Sequence+1:
		v.found(HeadWrong, h.Sequence+1, "the head was put back: it is at %d, and the entries go on to %d", h.Sequence, v.last)
	case v.last == h.Sequence+1:
		v.report.Remarks = append(v.report.Remarks, fmt.Sprintf(
			"entry %d waits for its head: a writer is at it, or was stopped; the next one will take it in", v.last))
	}
}

// known compares the heads that somebody kept with what is there. Of those that
// say the same thing one is told.
func (v *verifying) known(heads []KnownHead) {
	var wrong, beyond *KnownHead
	end := v.last
	if v.head != nil {
		end = v.head.Sequence
	}
	for i, h := range heads {
		switch hash, ok := v.hashes[h.Sequence]; {
		case h.Sequence > end:
			if beyond == nil || h.Sequence > beyond.Sequence {
				beyond = &heads[i]
			}
		case ok && hash != h.Hash && (wrong == nil || h.Sequence < wrong.Sequence):
			wrong = &heads[i]
		}
	}
	if wrong != nil {
		v.found(Rewritten, wrong.Sequence, "the audit was rewritten: entry %d is another one than that of %s", wrong.Sequence, wrong.source())
	}
	if beyond != nil {
		v.found(CutOff, beyond.Sequence, "the audit was cut off or put back: it ends at %d, %s is of entry %d",
			end, beyond.source(), beyond.Sequence)
	}
}

func (h *KnownHead) source() string {
	if h.From == "" {
		return "the head that was given"
	}
	return "the head in " + h.From
}
