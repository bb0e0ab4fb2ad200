package screen

import (
	"strings"
	"unicode/utf8"
)

// Column is one of a Table.
type Column struct {
	Name  string // in capitals
	Wide  bool   // only shown with -o wide
	Right bool   // aligned to the right, as numbers are
}

// Cell is text in a table. What clients chose must be in no other place: it is cleaned here.
type Cell struct {
	Text  string
	Style Style
}

// Table is rows of as many cells as there are columns.
type Table struct {
	Columns []Column
	Rows    [][]Cell
}

// Add adds a row of plain cells.
func (t *Table) Add(cells ...string) {
	row := make([]Cell, len(cells))
	for i, text := range cells {
		row[i] = Cell{Text: text}
	}
	t.Rows = append(t.Rows, row)
}

// AddStyled adds a row.
func (t *Table) AddStyled(cells ...Cell) { t.Rows = append(t.Rows, cells) }

// gap is what stands between columns.
const gap = "   "

// Lines are the table's, the heads first, each after indent.
func (s *Screen) Lines(t *Table, wide bool, indent string) []string {
	widths := make([]int, len(t.Columns))
	for i, column := range t.Columns {
		widths[i] = utf8.RuneCountInString(column.Name)
	}
	rows := make([][]Cell, len(t.Rows))
	for r, row := range t.Rows {
		rows[r] = make([]Cell, len(row))
		for i, cell := range row {
			if cell.Text == "" {
				cell.Text = "-"
			}
			cell.Text = Clean(cell.Text)
			rows[r][i] = cell
			widths[i] = max(widths[i], utf8.RuneCountInString(cell.Text))
		}
	}
	heads := make([]Cell, len(t.Columns))
	for i, column := range t.Columns {
		heads[i] = Cell{column.Name, Faint}
	}
	lines := make([]string, 0, len(rows)+1)
	for _, row := range append([][]Cell{heads}, rows...) {
		lines = append(lines, indent+s.line(t.Columns, row, widths, wide))
	}
	return lines
}

func (s *Screen) line(columns []Column, row []Cell, widths []int, wide bool) string {
	var b strings.Builder
	pending := ""
	for i, column := range columns {
		if column.Wide && !wide {
			continue
		}
		padding := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(row[i].Text))
		b.WriteString(pending)
		if column.Right {
			b.WriteString(padding)
			padding = ""
		}
		b.WriteString(s.Paint(row[i].Style, row[i].Text))
		pending = padding + gap
	}
	return b.String()
}
