package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/cardea-proxy/cardea/proxy/console/consolepb"
	"github.com/spf13/cobra"
	"github.com/spf13/viper"
)

// statusCommand says how a running instance is.
func statusCommand(env *viper.Viper, t terminal) *cobra.Command {
	var to consoleFlags
	var activity bool
	cmd := &cobra.Command{
		Use: "status", Short: "Say how a running instance is: configuration, Envoy, certificates, sessions", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if activity {
				return ask(&to, cmd, env, t, consolepb.NewStatusServiceClient, consolepb.StatusServiceClient.GetActivity, &consolepb.GetActivityRequest{}, writeActivity)
			}
			return ask(&to, cmd, env, t, consolepb.NewStatusServiceClient, consolepb.StatusServiceClient.GetStatus, &consolepb.GetStatusRequest{}, writeStatus)
		},
	}
	to.add(cmd)
	cmd.Flags().BoolVar(&activity, "activity", false, "what it did in the last day, by the hour, instead")
	return cmd
}

func writeActivity(t terminal, a *consolepb.GetActivityResponse) error {
	w := tabwriter.NewWriter(t.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "FROM\tALLOWED\tASKED TO SIGN IN\tREFUSED\tSIGN-INS")
	for _, h := range a.Hours {
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\n", moment(h.Start), h.Allowed, h.Asked, h.Refused, h.SignIns)
	}
	for _, r := range a.Refusals {
		fmt.Fprintf(w, "refused: %s\t%d\n", plain(r.Reason), r.Count)
	}
	if !a.Whole {
		fmt.Fprintf(w, "counted since %s alone\n", moment(a.Since))
	}
	return w.Flush()
}

func writeStatus(t terminal, s *consolepb.GetStatusResponse) error {
	w := tabwriter.NewWriter(t.out, 0, 4, 2, ' ', 0)
	line := func(name, format string, args ...any) { fmt.Fprintf(w, "%s\t%s\n", name, fmt.Sprintf(format, args...)) }
	line("instance", "%s", plain(s.Instance))
	line("version", "%s", plain(s.Version))
	line("started", "%s", moment(s.StartedAt))
	line("configuration", "generation %d, %d routes, from %s", s.Generation, s.Routes, plain(strings.Join(s.Files, ", ")))
	if r := s.LastReload; r != nil && r.Taken {
		line("last reload", "taken at %s", moment(r.At))
	} else if r != nil {
		line("last reload", "refused at %s", moment(r.At))
		for _, problem := range r.Errors {
			line("", "%s", plain(problem))
		}
	}
	line("envoy", "%s, started again %d times", answers(s.GetEnvoy().GetAnswers()), s.GetEnvoy().GetRestarts())
	if refusal := s.GetEnvoy().GetRefusal(); refusal != "" {
		line("", "refuses: %s", plain(refusal))
	}
	line("streams", "%d open, %d begun", s.GetStreams().GetOpen(), s.GetStreams().GetBegun())
	for _, reason := range slices.Sorted(maps.Keys(s.GetStreams().GetEnded())) {
		line("", "%d ended: %s", s.Streams.Ended[reason], plain(reason))
	}
	line("store", "%s", answers(s.StoreAnswers))
	if r := s.GetRecording(); r.GetOn() {
		line("decisions", "%d on disk, %d bytes, %d lost", r.Entries, r.Bytes, r.Dropped)
	} else {
		line("decisions", "not recorded")
	}
	if s.Sessions >= 0 {
		line("sessions", "%d, of %d people known", s.Sessions, s.People)
	} else {
		line("sessions", "not known at the moment")
	}
	for _, c := range s.Certificates {
		line("certificate", "until %s: %s", moment(c.ExpiresAt), plain(strings.Join(c.Names, ", ")))
	}
	return w.Flush()
}

func answers(yes bool) string {
	if yes {
		return "answers"
	}
	return "does not answer"
}
