package manual

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// Man is the man page of a command, in troff's man macros, and the name of its file.
func Man(c *cobra.Command, version string) (file, page string) {
	var b strings.Builder
	name := strings.ReplaceAll(c.CommandPath(), " ", "-")
	fmt.Fprintf(&b, ".TH \"%s\" 1 \"\" \"kubectl-mqtt %s\" \"kubectl-mqtt\"\n", troff(strings.ToUpper(name)), troff(version))
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n.SH SYNOPSIS\n.B %s\n", troff(name), troff(c.Short), troff(usage(c)))
	if c.Long != "" {
		b.WriteString(".SH DESCRIPTION\n" + paragraphs(c.Long))
	}
	if all := flags(c); len(all) > 0 {
		b.WriteString(".SH OPTIONS\n")
		for _, f := range all {
			name, value, usage := flagName(f)
			fmt.Fprintf(&b, ".TP\n\\fB%s\\fR", troff(name))
			if value != "" {
				fmt.Fprintf(&b, " \\fI%s\\fR", troff(value))
			}
			b.WriteString("\n" + troff(usage) + "\n")
		}
	}
	if c.Example != "" {
		b.WriteString(".SH EXAMPLES\n.nf\n" + troff(unindent(c.Example)) + "\n.fi\n")
	}
	if related := related(c); len(related) > 0 {
		b.WriteString(".SH SEE ALSO\n" + strings.Join(related, ",\n") + "\n")
	}
	return name + ".1", b.String()
}

// related are the pages above and below a command's.
func related(c *cobra.Command) []string {
	var pages []string
	page := func(c *cobra.Command) {
		pages = append(pages, ".BR "+troff(strings.ReplaceAll(c.CommandPath(), " ", "-"))+" (1)")
	}
	if c.HasParent() {
		page(c.Parent())
	}
	for _, below := range Commands(c)[1:] {
		if below.Parent() == c {
			page(below)
		}
	}
	for i := range pages[:max(0, len(pages)-1)] {
		pages[i] += " ,"
	}
	return []string{strings.Join(pages, "\n")}
}

func paragraphs(text string) string {
	return strings.ReplaceAll(troff(strings.TrimRight(text, "\n")), "\n\n", "\n.PP\n") + "\n"
}

// troff makes text of it that has no meaning to troff.
func troff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, `"`, `\(dq`).Replace(text)
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			lines[i] = `\&` + line
		}
	}
	return strings.Join(lines, "\n")
}
