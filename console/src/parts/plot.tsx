import { useEffect, useRef, useState } from 'preact/hooks'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { interval, kept } from '../api/history'
import { useTheme } from '../shell/theme'
import { clock } from '../text/format'

export interface Series {
  name: string
  color: 1 | 2 | 3 | 4 | 5 | 6
  values: (number | null)[]
}

interface Props {
  title: string
  times: number[] // seconds since 1970
  series: Series[]
  /** A value as text, with its unit. */
  format: (value: number | null) => string
  /** A line across, such as a limit; 0: none. */
  limit?: number
  /** Values are bytes: the scale has steps of powers of two. */
  binary?: boolean
  /** Values are counts: between 0 and 1 there is nothing. */
  whole?: boolean
  /** The scale ends here at the lowest, so that next to nothing does not look like much. */
  least?: number
}

const height = 140
const span = kept * interval // seconds
const least = 60 // seconds that are shown when little is known yet

/** The colour that CSS gives to a name, as a canvas wants it. */
function color(box: HTMLElement, name: string, alpha = 1): string {
  const probe = document.createElement('span')
  probe.style.color = `var(--${name})`
  box.append(probe)
  const found = getComputedStyle(probe).color
  probe.remove()
  return alpha === 1 ? found : found.replace(/^rgb\(([^)]*)\)$/, `rgba($1, ${alpha})`)
}

function options(box: HTMLElement, width: number, p: Props, hover: (at: number | null) => void): uPlot.Options {
  const axis = {
    stroke: color(box, 'faint'),
    font: `11px ${getComputedStyle(box).fontFamily}`,
    grid: { stroke: color(box, 'line'), width: 1 },
    ticks: { show: false },
  }
  return {
    width,
    height,
    padding: [14, 8, 0, 0],
    legend: { show: false },
    cursor: { sync: { key: 'overview' }, y: false, drag: { x: false, y: false }, points: { size: 7 } },
    scales: {
      x: { time: true, range: (_, min, max) => [max - Math.min(span, Math.max(least, max - min)), max] },
      y: { range: (_, __, max) => [0, top(Math.max(max ?? 0, 0), p.least ?? 1)] },
    },
    axes: [
      {
        ...axis,
        size: 24,
        space: 70,
        grid: { show: false },
        values: (_, at, __, ___, step) => at.map((t) => clock(t * 1000).slice(0, step < 60 ? 8 : 5)),
      },
      {
        ...axis,
        size: 58,
        space: 34,
        ...(p.binary ? { incrs: powers } : p.whole ? { incrs: wholes } : {}),
        values: (_, at) => at.map((v) => p.format(v)),
      },
    ],
    series: [
      {},
      ...p.series.map((s) => ({
        label: s.name,
        stroke: color(box, `series-${s.color}`),
        fill: color(box, `series-${s.color}`, 0.1),
        width: 1.6,
        spanGaps: true,
        points: { show: false },
      })),
    ],
    hooks: {
      setCursor: [(u) => hover(u.cursor.idx ?? null)],
      draw: [(u) => p.limit && line(u, p.limit, color(box, 'bad'))],
    },
  }
}

/** The end of the scale: a little above the largest value, so that a flat line is not the frame. */
function top(max: number, least: number): number {
  return Math.max(max * 1.15, least)
}

/** 1, 2, 4, ... up to a pebibyte. */
const powers = Array.from({ length: 51 }, (_, i) => 2 ** i)

/** 1, 2, 5, 10, ... up to 5e12. */
const wholes = Array.from({ length: 13 }, (_, i) => [1, 2, 5].map((n) => n * 10 ** i)).flat()

function line(u: uPlot, at: number, stroke: string): void {
  if (at > (u.scales.y?.max ?? 0)) return
  const y = u.valToPos(at, 'y', true)
  u.ctx.save()
  u.ctx.strokeStyle = stroke
  u.ctx.setLineDash([4, 4])
  u.ctx.beginPath()
  u.ctx.moveTo(u.bbox.left, y)
  u.ctx.lineTo(u.bbox.left + u.bbox.width, y)
  u.ctx.stroke()
  u.ctx.restore()
}

/** Values over the last five minutes. The legend has the values under the pointer, or the latest. */
export function Plot(p: Props) {
  const box = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot | undefined>(undefined)
  const props = useRef(p)
  props.current = p
  const [at, setAt] = useState<number | null>(null)
  const theme = useTheme()
  const data = [p.times, ...p.series.map((s) => s.values)] as uPlot.AlignedData

  useEffect(() => {
    const element = box.current!
    plot.current = new uPlot(options(element, element.clientWidth, props.current, setAt), data, element)
    const resized = new ResizeObserver(() => plot.current?.setSize({ width: element.clientWidth, height }))
    resized.observe(element)
    return () => {
      resized.disconnect()
      plot.current?.destroy()
      plot.current = undefined
    }
  }, [theme, p.series.length, p.limit])

  useEffect(() => plot.current?.setData(data), [p.times])

  const shown = at ?? p.times.length - 1
  // What is not known of this moment is as it was.
  const value = (s: Series) => p.format(s.values.slice(0, shown + 1).findLast((v) => v !== null) ?? null)
  const latest = p.series.map((s) => `${s.name} ${value(s)}`).join(', ')
  return (
    <figure class="panel plot">
      <figcaption>
        <b>{p.title}</b>
        {p.series.map((s) => (
          <span key={s.name} class="legend-item">
            <i class={`swatch series-${s.color}`} />
            {p.series.length > 1 && s.name}
            <b>{value(s)}</b>
          </span>
        ))}
      </figcaption>
      <div ref={box} class="canvas" role="img" aria-label={`${p.title} over the last five minutes: ${latest}`} />
    </figure>
  )
}
