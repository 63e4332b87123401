import {
  Handle,
  Position,
  ReactFlow,
  ReactFlowProvider,
  useReactFlow,
  useStore as useFlow,
  type Edge,
  type Node,
  type NodeProps,
} from '@xyflow/react'
import '@xyflow/react/dist/base.css'
import { memo, useEffect, useMemo } from 'react'
import { connection, liveState, parts } from '../../api/live.ts'
import { rate } from '../../model/format.ts'
import type { PartId } from '../../model/figures.ts'
import type { Part } from '../../model/parts.ts'
import { useStore } from '../../state/store.ts'
import { useMedia } from '../../ui/use-media.ts'
import { PartCard } from './card.tsx'
import { LINKS, NODE, placed } from './layout.ts'

const NARROW = '(max-width: 767px)'
const FIT = { padding: 0.02, maxZoom: 1.1 }
/** Room at the sides, for the lines that go around. */
const NARROW_FIT = { padding: 0.05, maxZoom: 1.1 }
const AROUND_PX = 14
const SIDES = { left: Position.Left, right: Position.Right, top: Position.Top, bottom: Position.Bottom } as const

type PartNode = Node<{ part: Part; isChosen: boolean; onChoose: (id: PartId) => void }, 'part'>

const nodeTypes = { part: memo(PartNodeShown) }

function PartNodeShown({ data: { part, isChosen, onChoose } }: NodeProps<PartNode>) {
  return (
    <>
      {Object.entries(SIDES).map(([side, position]) => (
        <span key={side} aria-hidden>
          <Handle id={`in-${side}`} type="target" position={position} isConnectable={false} className="opacity-0" />
          <Handle id={`out-${side}`} type="source" position={position} isConnectable={false} className="opacity-0" />
        </span>
      ))}
      <PartCard part={part} isChosen={isChosen} onChoose={onChoose} />
    </>
  )
}

interface Props {
  chosen: string
  onChoose: (id: PartId) => void
}

/** The pipeline as ARCHITECTURE draws it, alive. */
export function Graph(props: Props) {
  return (
    <ReactFlowProvider>
      <Drawing {...props} />
    </ReactFlowProvider>
  )
}

function Drawing({ chosen, onChoose }: Props) {
  const [all, state, connected] = [useStore(parts), useStore(liveState), useStore(connection)]
  const isNarrow = useMedia(NARROW)
  const { position, sides } = useMemo(() => placed(isNarrow), [isNarrow])
  const { fitView } = useReactFlow()
  const nodes: PartNode[] = all.map((part) => ({
    id: part.id,
    type: 'part',
    position: position(part.id),
    width: NODE.width,
    height: NODE.height,
    data: { part, isChosen: part.id === chosen, onChoose },
  }))
  const edges: Edge[] = LINKS.map((link) => {
    const flow = state && connected !== 'lost' ? link.rate(state) : null
    const [out, into] = sides(link)
    return {
      id: `${link.from}-${link.to}`,
      source: link.from,
      target: link.to,
      sourceHandle: `out-${out}`,
      targetHandle: `in-${into}`,
      focusable: false,
      ...(out === into && { type: 'smoothstep', pathOptions: { offset: AROUND_PX, borderRadius: 8 } }),
      animated: (flow ?? 0) > 0,
      // Around the others there is no room for a figure; the cards have it.
      ...(flow !== null && flow > 0 && out !== into && { label: rate(flow) }),
      style: { strokeWidth: 1.5 + Math.min(3, Math.log10(1 + (flow ?? 0))) },
    }
  })
  // What fits changes with the layout, and with the room that the window and the detail leave.
  const room = useFlow(({ width, height }) => `${width} ${height}`)
  const fit = isNarrow ? NARROW_FIT : FIT
  useEffect(() => void fitView(fit), [fitView, fit, room, all.length])
  return (
    <ReactFlow
      nodes={nodes}
      edges={edges}
      nodeTypes={nodeTypes}
      fitView
      fitViewOptions={fit}
      minZoom={0.3}
      nodesDraggable={false}
      nodesConnectable={false}
      nodesFocusable={false}
      elementsSelectable={false}
      panOnDrag={false}
      panOnScroll={false}
      zoomOnScroll={false}
      zoomOnPinch={false}
      zoomOnDoubleClick={false}
      preventScrolling={false}
      proOptions={{ hideAttribution: true }}
    />
  )
}
