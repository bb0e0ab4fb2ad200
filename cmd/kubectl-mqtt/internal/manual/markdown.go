package manual

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

// Markdown writes the page of all commands, after intro.
func Markdown(w io.Writer, root *cobra.Command, intro string) error {
	var b strings.Builder
	b.WriteString(intro)
	all := Commands(root)
	b.WriteString("\n| command | |\n|---|---|\n")
	for _, c := range all[1:] {
		fmt.Fprintf(&b, "| [%s](#%s) | %s |\n", c.CommandPath(), anchor(c), cell(c.Short))
	}
	for _, c := range all[1:] {
		section(&b, c)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func anchor(c *cobra.Command) string { return strings.ReplaceAll(c.CommandPath(), " ", "-") }

func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ", "<", "&lt;", "*", `\*`, "_", `\_`).Replace(text)
}

func section(b *strings.Builder, c *cobra.Command) {
	fmt.Fprintf(b, "\n## %s\n\n%s.\n\n```\n%s\n```\n", c.CommandPath(), strings.TrimSuffix(c.Short, "."), usage(c))
	if c.Long != "" {
		b.WriteString("\n```text\n" + strings.TrimRight(c.Long, "\n") + "\n```\n")
	}
	if all := flags(c); len(all) > 0 {
		b.WriteString("\n| flag | |\n|---|---|\n")
		for _, f := range all {
			name, value, usage := flagName(f)
			if value != "" {
				name += " " + strings.ToUpper(value)
			}
			fmt.Fprintf(b, "| `%s` | %s |\n", name, cell(usage))
		}
	}
	if c.Example != "" {
		b.WriteString("\n```\n" + unindent(c.Example) + "\n```\n")
	}
}

// unindent takes away the two spaces before each line of examples.
func unindent(text string) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	for i := range lines {
		lines[i] = strings.TrimPrefix(lines[i], "  ")
	}
	return strings.Join(lines, "\n")
}
