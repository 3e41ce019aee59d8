package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// settings are what the command line says.
type settings struct {
	rounds  int
	seconds int // of one shot
	conns   []int
	protos  []string
	streams int // at a time on one HTTP/2 connection
	routes  int
	starts  int

	only string // part of the names of the targets to shoot at; "" is all

	cardea string   // the program; "" builds it
	others []string // programs to measure beside it
	envoy  string   // for the baselines
	debug  string   // debug_address of Cardea
	logs   string   // where Cardea's log goes
}

func run(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	switch {
	case len(args) == 2 && args[0] == modeUpstream:
		err = serveUpstream(ctx, args[1])
	case len(args) == 2 && args[0] == modeNull:
		err = serveNull(ctx, args[1])
	default:
		err = bench(ctx, args, stdout, stderr)
	}
	if err == nil || errors.Is(err, flag.ErrHelp) {
		return 0
	}
	_, _ = fmt.Fprintln(stderr, "bench:", err) // nobody is left to be told
	return 1
}

// bench measures what the flags ask for.
func bench(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	s, err := parse(args, stderr)
	if err != nil {
		return err
	}
	if err := findH2load(); err != nil {
		return err
	}
	w, err := newWorld(ctx, s, stderr)
	if err != nil {
		return err
	}
	defer w.close()
	for _, part := range []struct {
		wanted  bool
		measure func(context.Context, *world, io.Writer) error
	}{
		{s.starts > 0, measureStarts},
		{s.routes > 0, measureRoutes},
		{s.rounds > 0, measureLoad}, // its last line is the summary
	} {
		if !part.wanted {
			continue
		}
		if err := part.measure(ctx, w, stdout); err != nil {
			return err
		}
	}
	return nil
}

func parse(args []string, stderr io.Writer) (settings, error) {
	var s settings
	var conns, protos, others string
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.IntVar(&s.rounds, "rounds", 5, "rounds of load; 0 measures none")
	flags.IntVar(&s.seconds, "seconds", 4, "seconds of one shot")
	flags.StringVar(&conns, "conns", "16", "numbers of connections, with commas")
	flags.StringVar(&protos, "protos", "h1,h2", "HTTP versions, with commas")
	flags.IntVar(&s.streams, "streams", 1, "requests at a time on one HTTP/2 connection")
	flags.StringVar(&s.only, "only", "", "shoot at targets with this in their name alone, such as for a profile")
	flags.IntVar(&s.routes, "routes", 1000, "size of the large configuration; 0 measures none")
	flags.IntVar(&s.starts, "starts", 5, "starts of each kind; 0 measures none")
	flags.StringVar(&s.cardea, "cardea", "", "the program to measure (built when not named)")
	flags.StringVar(&others, "others", "", "further builds to load with identity headers in the same rounds, with commas")
	flags.StringVar(&s.envoy, "envoy", envoyPath(), "Envoy for the baselines")
	flags.StringVar(&s.debug, "debug", "", "debug_address of Cardea under load, for profiles")
	flags.StringVar(&s.logs, "logs", os.DevNull, "file for what Cardea under load logs")
	if err := flags.Parse(args); err != nil {
		return s, err
	}
	if flags.NArg() > 0 {
		return s, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if others != "" {
		s.others = strings.Split(others, ",")
	}
	for text := range strings.SplitSeq(conns, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return s, fmt.Errorf("-conns: want numbers with commas, have %q", conns)
		}
		s.conns = append(s.conns, n)
	}
	for p := range strings.SplitSeq(protos, ",") {
		if p != "h1" && p != "h2" {
			return s, fmt.Errorf("-protos: want h1, h2 or both, have %q", protos)
		}
		s.protos = append(s.protos, p)
	}
	if s.seconds < 1 || s.streams < 1 {
		return s, errors.New("-seconds and -streams must be 1 or more")
	}
	return s, nil
}

// wants reports whether a target is to be shot at.
func (s *settings) wants(name string) bool {
	return strings.Contains(name, s.only) || slices.Contains(s.others, name)
}

// envoyPath is where the rest of the repository looks for an Envoy, too.
func envoyPath() string {
	if path := os.Getenv("CARDEA_ENVOY"); path != "" {
		return path
	}
	return "build/envoy/envoy"
}

// patience bounds every wait for something to come up.
const patience = 60 * time.Second
